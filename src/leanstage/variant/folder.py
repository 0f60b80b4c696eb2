"""A variant as a folder: written whole or not at all, opened with its digest checked."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from leanstage.contracts import Precision, Runtime, Step, VariantManifest
from leanstage.errors import InputError
from leanstage.variant.digest import MANIFEST, content_digest, regular_files

TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
    "special_tokens_map.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "added_tokens.json",
)
"""Files that travel from parent to child unchanged."""


@dataclass(frozen=True)
class Variant:
    """A variant on disk; ``digest`` was recomputed from its bytes when it was opened."""

    path: Path
    manifest: VariantManifest
    digest: str


def open_variant(path: str | Path) -> Variant:
    """Open a variant and recompute its digest.

    Raises:
        InputError: no manifest, a broken one, or bytes that differ from the recorded digest.
    """
    path = Path(path)
    if not (path / MANIFEST).is_file():
        raise InputError(f"{path} holds no {MANIFEST}; it is not a variant that leanstage wrote.")
    manifest = VariantManifest.load(path / MANIFEST)
    digest = content_digest(path, manifest)
    if manifest.digest != digest:
        raise InputError(
            f"{path} was changed after it was written: its manifest says digest "
            f"{manifest.digest}, its bytes give {digest}; produce it again."
        )
    return Variant(path, manifest, digest)


@contextmanager
def fresh_folder(target: str | Path) -> Iterator[Path]:
    """Give an empty folder that becomes ``target`` when the block succeeds, and else vanishes."""
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}-"))
    try:
        yield draft
        if target.exists():
            shutil.rmtree(target)
        draft.chmod(0o755)
        draft.replace(target)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def seal(
    draft: Path,
    *,
    architecture: str,
    labels: tuple[str, ...],
    runtime: Runtime,
    precision: Precision,
    max_length: int,
    parameters: int,
    lineage: tuple[Step, ...],
) -> VariantManifest:
    """Write the manifest, digest included, into a folder whose other files are complete.

    A model without labels generates text.
    """
    size = sum(path.stat().st_size for name, path in regular_files(draft) if name != MANIFEST)
    manifest = VariantManifest(
        task="text-classification" if labels else "text-generation",
        architecture=architecture,
        labels=labels,
        runtime=runtime,
        precision=precision,
        max_length=max_length,
        parameters=parameters,
        bytes=size,
        lineage=lineage,
    )
    manifest = manifest.model_copy(update={"digest": content_digest(draft, manifest)})
    manifest.save(draft / MANIFEST)
    return manifest


def seal_like(
    source: Variant,
    draft: Path,
    *,
    runtime: Runtime | None = None,
    precision: Precision | None = None,
    max_length: int | None = None,
    parameters: int | None = None,
    lineage: tuple[Step, ...] | None = None,
) -> None:
    """:func:`seal` another form of ``source``; what is not given is as its manifest says."""
    manifest = source.manifest
    seal(
        draft,
        architecture=manifest.architecture,
        labels=manifest.labels,
        runtime=runtime or manifest.runtime,
        precision=precision or manifest.precision,
        max_length=max_length or manifest.max_length,
        parameters=parameters or manifest.parameters,
        lineage=manifest.lineage if lineage is None else lineage,
    )


def with_lineage(source: Variant, target: str | Path, lineage: tuple[Step, ...]) -> Variant:
    """The bytes of ``source`` under a manifest with another lineage."""
    with fresh_folder(target) as draft:
        for relative, path in regular_files(source.path):
            if relative != MANIFEST:
                link_or_copy(path, draft / relative)
        seal_like(source, draft, lineage=lineage)
    return open_variant(target)


def pass_through(parent: Variant, target: str | Path, step: Step) -> Variant:
    """The parent's bytes under a manifest that records why nothing was changed."""
    return with_lineage(parent, target, (*parent.manifest.lineage, step))


def link_or_copy(source: Path, target: Path) -> None:
    """Hard-link a file that nobody writes again; copy where the file system cannot link."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def copy_tokenizer(source: Path, target: Path) -> None:
    """Bring the tokenizer of ``source`` into ``target``, byte for byte."""
    for name in TOKENIZER_FILES:
        if (source / name).is_file():
            shutil.copyfile(source / name, target / name)
