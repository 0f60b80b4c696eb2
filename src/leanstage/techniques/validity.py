"""Whether what a technique made is a smaller form of its input, before its answers count."""

from leanstage.variant import Variant
from leanstage.variant.folder import TOKENIZER_FILES


def objection(made: Variant, parent: Variant, *, own_tokenizer: bool = False) -> str | None:
    """What disqualifies ``made`` as a form of ``parent``, as a clause; None where nothing does.

    It has to hold fewer weights or take fewer bytes, and to read text as its parent does. A model
    that a run brings along as a student may have a tokenizer of its own, and for it more words
    than its layers save: those were held against its parent's when it was brought.
    """
    if own_tokenizer:
        return None
    before, after = parent.manifest, made.manifest
    if after.parameters >= before.parameters and after.bytes >= before.bytes:
        return (
            f"not smaller than its input: {after.parameters:,} parameters in {after.bytes:,} "
            f"bytes, against {before.parameters:,} in {before.bytes:,}"
        )
    changed = [name for name in TOKENIZER_FILES if _content(made, name) != _content(parent, name)]
    if changed:
        return f"its tokenizer is not that of its input: {', '.join(changed)} differ"
    return None


def _content(variant: Variant, name: str) -> bytes | None:
    path = variant.path / name
    return path.read_bytes() if path.is_file() else None
