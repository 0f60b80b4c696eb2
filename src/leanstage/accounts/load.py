"""Where factors come from: the shipped table, with a file of the user's own over it."""

import os
from importlib.resources import files
from pathlib import Path

from leanstage.contracts import Factors
from leanstage.contracts.strict import read_fields, require_known, strict_yaml
from leanstage.errors import InputError

FACTORS_VARIABLE = "LEANSTAGE_FACTORS"


def load_factors(path: Path | None = None) -> Factors:
    """The shipped factors, with those of a file in their place where it names any.

    The file is ``path``, else the one in ``LEANSTAGE_FACTORS``: YAML with some of the keys of
    `Factors`, so ``region: FR`` alone is one.

    Raises:
        InputError: the file cannot be read, or what comes of it is no `Factors`.
    """
    shipped = files("leanstage.accounts").joinpath("factors.yaml").read_text(encoding="utf-8")
    fields = strict_yaml(shipped, where="factors.yaml")
    named = os.environ.get(FACTORS_VARIABLE)
    own = path or (Path(named) if named else None)
    where = "factors.yaml"
    if own is not None:
        where = str(own)
        fields |= _own(own)
    return read_fields(fields, Factors, where=where, what="table of factors")


def _own(path: Path) -> dict[str, object]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"The factors {path} cannot be read: {error}.") from error
    fields = strict_yaml(text, where=str(path))
    if not isinstance(fields, dict):
        raise InputError(f"{path} is not a table of factors: expected keys and values.")
    require_known(fields, Factors, where=str(path))
    return fields
