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

    The file is ``path``, else the one that ``LEANSTAGE_FACTORS`` names: YAML with some of the keys
    of `Factors`, so ``region: FR`` alone is one. The variable may also hold the YAML itself.

    Raises:
        InputError: the file cannot be read, or what comes of it is no `Factors`.
    """
    shipped = files("leanstage.accounts").joinpath("factors.yaml").read_text(encoding="utf-8")
    fields = strict_yaml(shipped, where="factors.yaml")
    where, own = "factors.yaml", os.environ.get(FACTORS_VARIABLE, "")
    if path is None and ": " in own:
        where = FACTORS_VARIABLE
        fields |= _fields(own, where)
    elif path or own:
        path = path or Path(own)
        where = str(path)
        fields |= _fields(_text(path), where)
    return read_fields(fields, Factors, where=where, what="table of factors")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"The factors {path} cannot be read: {error}.") from error


def _fields(text: str, where: str) -> dict[str, object]:
    fields = strict_yaml(text, where=where)
    if not isinstance(fields, dict):
        raise InputError(f"{where} is not a table of factors: expected keys and values.")
    require_known(fields, Factors, where=where)
    return fields
