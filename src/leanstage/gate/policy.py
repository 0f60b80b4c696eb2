"""Reading a ModelPolicy, and saying what is wrong with it."""

import difflib
from typing import Any

import yaml
from pydantic import ValidationError

from leanstage.contracts import ModelPolicy, first_problem
from leanstage.errors import InputError


def load_policy(uri: str) -> ModelPolicy:
    """A policy from YAML or JSON at a path or URI; the default policy where ``uri`` is empty.

    Raises:
        InputError: unreadable, not a mapping, an unknown key (the nearest known one is named), or
            a value out of range.
    """
    if not uri:
        return ModelPolicy()
    import fsspec

    try:
        with fsspec.open(uri, "rt", encoding="utf-8") as stream:
            fields = yaml.safe_load(stream)
    except FileNotFoundError:
        raise InputError(f"{uri} does not exist; give the path of a policy file.") from None
    except (OSError, ValueError, ImportError, yaml.YAMLError) as error:
        first = str(error).strip().splitlines()[0]
        raise InputError(f"{uri} cannot be read as YAML: {first}.") from error
    return parse_policy(fields, where=uri)


def parse_policy(fields: Any, *, where: str) -> ModelPolicy:
    """A policy from plain data; ``where`` names its origin in the message."""
    if not isinstance(fields, dict):
        raise InputError(f"{where} is not a policy: expected keys and values.")
    known = list(ModelPolicy.model_fields)
    for key in fields:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(known)}."
            raise InputError(f"{where} has the unknown key {key!r}; {hint}")
    try:
        return ModelPolicy.model_validate(fields)
    except ValidationError as error:
        raise InputError(f"{where} is not a valid policy: {first_problem(error)}.") from error
