"""The revocation list: strict, because an entry that is passed over counts as none."""

from collections.abc import Sequence
from pathlib import Path

from leanstage.contracts import Revocations
from leanstage.contracts.strict import read_fields, strict_yaml
from leanstage.errors import InputError

REVOKED = "revoked.yaml"


def list_among(paths: Sequence[Path]) -> Revocations:
    """The list in a folder of ``paths``, empty where it holds none.

    Raises:
        InputError: it cannot be read, or one lies there under a name that nobody reads.
    """
    lists = {path.name: path for path in paths if path.stem.lower() == "revoked"}
    path = lists.pop(REVOKED, None)
    for other in lists.values():
        if not other.is_dir():
            raise InputError(f"{other} would not be read; name the revocation list {REVOKED}.")
    return Revocations() if path is None else read_revocations(path)


def read_revocations(path: Path) -> Revocations:
    """A revocation list from YAML.

    Raises:
        InputError: unreadable, not a mapping, an unknown key (the nearest known one is named), a
            key that stands twice, or an id that is not 64 hexadecimal digits.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read: {error}.") from error
    return revocations_of(text, where=str(path))


def revocations_of(text: str, *, where: str) -> Revocations:
    """A revocation list from its text; ``where`` is what messages call it.

    Raises:
        InputError: as :func:`read_revocations`.
    """
    fields = strict_yaml(text, where=where)
    return read_fields(fields, Revocations, where=where, what="revocation list")


def both(one: Revocations, other: Revocations) -> Revocations:
    """What either list revokes."""
    return Revocations(keys=one.keys | other.keys, digests=one.digests | other.digests)
