"""The content digest of a variant: one hash over every byte that could change an answer."""

import hashlib
import os
import unicodedata
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from leanstage.contracts import FileEntry, VariantManifest, canonical_json, sha256_json
from leanstage.contracts.strict import strict_json
from leanstage.errors import InputError

MANIFEST = "leanstage.json"
ATTESTATION = "attestation"
CARD = "README.md"


def regular_files(root: Path, *, card: bool = False) -> Iterator[tuple[str, Path]]:
    """Yield ``(relative POSIX path, path)`` of every file, sorted by the UTF-8 bytes of the path.

    The attestation folder is left out: it speaks about the digest and cannot be part of it. So
    does the model card, which is signed as a file and counted where ``card`` is set.

    Raises:
        InputError: a symbolic link, something not a regular file, a folder that cannot be read, or
            a name that is not UTF-8 in Unicode normal form C, any of which could make one digest
            stand for two contents; or a folder in the place of the model card.
    """
    found: list[tuple[str, Path]] = []
    folders = [(root, "")]
    for folder, prefix in folders:
        try:
            entries = list(os.scandir(folder))
        except OSError as error:
            raise InputError(f"{folder} cannot be read: {error.strerror}.") from error
        for entry in entries:
            relative = prefix + entry.name
            if relative == ATTESTATION:
                continue
            if relative == CARD and not card and entry.is_file(follow_symlinks=False):
                continue
            path = Path(entry.path)
            if entry.is_symlink():
                raise InputError(f"{path} is a symbolic link; a variant holds regular files only.")
            if entry.is_dir() and relative == CARD:
                raise InputError(
                    f"{path} is a folder; that is the place of the model card, a file: rename it."
                )
            if entry.is_dir():
                folders.append((path, f"{relative}/"))
                continue
            if not entry.is_file():
                raise InputError(
                    f"{path} is not a regular file; a variant holds regular files only."
                )
            _require_one_spelling(relative, path)
            found.append((relative, path))
    yield from sorted(found, key=lambda item: item[0].encode())


def file_sha256(path: Path) -> str:
    """SHA-256 (hex) of a file, read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def file_entries(root: Path, *, card: bool = False) -> list[FileEntry]:
    """Path, size and SHA-256 of the files that :func:`regular_files` yields, in its order.

    Each file is read once, several at a time: hashing leaves the interpreter free.
    """
    files = list(regular_files(root, card=card))
    with ThreadPoolExecutor(max_workers=min(max(1, len(files)), os.cpu_count() or 1)) as pool:
        return list(pool.map(_entry, *zip(*files, strict=True))) if files else []


def manifest_fields(root: Path) -> dict[str, Any]:
    """The manifest as it lies in ``root``, without its digest field.

    Taken from the file and not from :class:`VariantManifest`, whose later releases may know fields
    that an older file does not hold.

    Raises:
        InputError: it is missing, or is not one JSON object with every key once.
    """
    path = root / MANIFEST
    try:
        fields = strict_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as a manifest: {error}.") from error
    if not isinstance(fields, dict):
        raise InputError(f"{path} is not a manifest: it holds no JSON object.")
    return {name: value for name, value in fields.items() if name != "digest"}


def digest_of(entries: Sequence[FileEntry], manifest: dict[str, Any]) -> str:
    """The content digest (hex) over files and ``manifest``, whose digest field is left out.

    A model card among the files does not count. The manifest counts by its canonical JSON, so that
    it can carry the digest of its own folder.
    """
    body = canonical_json(manifest)
    rows: list[list[str | int]] = [
        [entry.path, entry.size, entry.sha256]
        for entry in entries
        if entry.path not in (MANIFEST, CARD)
    ]
    rows.append([MANIFEST, len(body), hashlib.sha256(body).hexdigest()])
    rows.sort(key=lambda row: str(row[0]).encode())
    return sha256_json(rows)


def content_digest(root: Path, manifest: VariantManifest) -> str:
    """Digest (hex) of the folder ``root``; ``manifest`` stands in where none lies there yet."""
    entries = file_entries(root)
    if any(entry.path == MANIFEST for entry in entries):
        return digest_of(entries, manifest_fields(root))
    return digest_of(entries, manifest.model_dump(mode="json", exclude={"digest"}))


def _entry(relative: str, path: Path) -> FileEntry:
    with path.open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return FileEntry(path=relative, size=size, sha256=digest)


def _require_one_spelling(relative: str, path: Path) -> None:
    try:
        relative.encode()
    except UnicodeEncodeError:
        raise InputError(f"{str(path)!r} has a name that is not UTF-8; rename it.") from None
    if unicodedata.normalize("NFC", relative) != relative:
        raise InputError(f"{path} has a name that is not in Unicode normal form C; rename it.")
