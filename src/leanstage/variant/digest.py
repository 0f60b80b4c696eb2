"""The content digest of a variant: one hash over every byte that could change an answer."""

import hashlib
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from leanstage.contracts import VariantManifest, canonical_json, sha256_json
from leanstage.errors import InputError

MANIFEST = "leanstage.json"
ATTESTATION = "attestation"


def regular_files(root: Path) -> Iterator[tuple[str, Path]]:
    """Yield ``(relative POSIX path, path)`` of every file, sorted by the UTF-8 bytes of the path.

    The attestation folder is left out: it speaks about the digest and cannot be part of it.

    Raises:
        InputError: a symbolic link, something not a regular file, or a name that is not in
            Unicode normal form C, any of which could make one digest stand for two contents.
    """
    found: list[tuple[str, Path]] = []
    for path in root.rglob("*"):
        relative = path.relative_to(root).as_posix()
        if relative.split("/", 1)[0] == ATTESTATION:
            continue
        if path.is_symlink():
            raise InputError(f"{path} is a symbolic link; a variant holds regular files only.")
        if path.is_dir():
            continue
        if not path.is_file():
            raise InputError(f"{path} is not a regular file; a variant holds regular files only.")
        if unicodedata.normalize("NFC", relative) != relative:
            raise InputError(f"{path} has a name that is not in Unicode normal form C; rename it.")
        found.append((relative, path))
    yield from sorted(found, key=lambda item: item[0].encode())


def file_sha256(path: Path) -> str:
    """SHA-256 (hex) of a file, read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def content_digest(root: Path, manifest: VariantManifest) -> str:
    """Digest (hex) of the folder ``root`` under ``manifest``, whose digest field is left out."""
    body = canonical_json(manifest.model_dump(mode="json", exclude={"digest"}))
    entries: list[list[str | int]] = []
    for relative, path in regular_files(root):
        if relative != MANIFEST:
            entries.append([relative, path.stat().st_size, file_sha256(path)])
    entries.append([MANIFEST, len(body), hashlib.sha256(body).hexdigest()])
    entries.sort(key=lambda entry: str(entry[0]).encode())
    return sha256_json(entries)
