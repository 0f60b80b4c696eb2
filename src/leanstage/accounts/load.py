"""What a user states: factors over the shipped table, and where a model serves."""

import os
from importlib.resources import files
from pathlib import Path

from leanstage.contracts import Factors, Setting
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


def load_setting(path: Path) -> Setting:
    """Where a model serves and how much, from a YAML file of the user's.

    Raises:
        InputError: the file cannot be read, or is no `Setting`.
    """
    fields = strict_yaml(_text(path, "setting"), where=str(path))
    return read_fields(fields, Setting, where=str(path), what="setting")


def _text(path: Path, what: str = "factors") -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"The {what} {path} cannot be read: {error}.") from error


def _fields(text: str, where: str) -> dict[str, object]:
    fields = strict_yaml(text, where=where)
    if not isinstance(fields, dict):
        raise InputError(f"{where} is not a table of factors: expected keys and values.")
    require_known(fields, Factors, where=where)
    return fields
