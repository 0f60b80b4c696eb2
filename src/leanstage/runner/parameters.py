"""Parameters of a compiled pipeline, given as text: checked by name and type before they are sent.

The server would refuse the rest as well, but only after the run exists.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from leanstage.calibrate import is_name
from leanstage.errors import InputError
from leanstage.tasks.reading import local_path

Spec = Mapping[str, Any]
FILES = (
    "model",
    "student",
    "policy",
    "train_data",
    "evaluation_data",
    "validation_data",
    "unlabelled_data",
    "production_data",
    "volumes",
)
"""Parameters that name a file or folder, which the tasks have to reach from where they run."""
HARDWARE = "hardware"
"""May name one too, or a profile that MLflow holds."""
REQUEST = "request"
"""What the starter calls the run; the MLflow run carries it as a tag."""
BOOLEANS = {"true": True, "false": False}


def checked(spec: Spec, given: Sequence[str], *, presets: Sequence[str] = ()) -> dict[str, Any]:
    """The parameters of ``NAME=VALUE`` texts, each with the type that the pipeline declares.

    Args:
        spec: the compiled pipeline, as its YAML says.
        given: texts of the form ``NAME=VALUE``; lists and dictionaries as JSON.
        presets: values that are no paths, although they look like one.

    Raises:
        InputError: no such parameter, a value of another type, one left out, or a local path.
    """
    known: Spec = spec.get("root", {}).get("inputDefinitions", {}).get("parameters", {})
    found: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise InputError(f"{text!r} is no parameter; write --param NAME=VALUE.")
        if name == REQUEST:
            raise InputError(f"the parameter {REQUEST} is the name of the run; give --name.")
        if name not in known:
            raise InputError(_unknown(name, [other for other in known if other != REQUEST]))
        if name in found:
            raise InputError(f"the parameter {name} is given twice; give it once.")
        found[name] = _typed(name, value, known[name])
        names_file = name in FILES or (name == HARDWARE and not is_name(value))
        if names_file and value and value not in presets and local_path(value) is not None:
            raise InputError(
                f"{name}={value} is a path of this machine, which the tasks on the cluster cannot "
                "read; put it where they can and give a URI (s3://, models:/, hf://)."
            )
    missing = [
        name
        for name, about in known.items()
        if name not in found and not about.get("isOptional") and "defaultValue" not in about
    ]
    if missing:
        raise InputError(f"the pipeline needs {missing[0]}; pass --param {missing[0]}=VALUE.")
    return found


def _unknown(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(sorted(known))}."
    return f"the pipeline has no parameter {name}; {hint}"


def _typed(name: str, text: str, about: Spec) -> Any:
    kind = about["parameterType"]
    value = _VALUES.get(kind, _other)(text)
    if value is None:
        raise InputError(f"the parameter {name} is {_WORDS.get(kind, kind)}, not {text!r}.")
    literals = about.get("literals")
    if literals and value not in literals:
        options = ", ".join(str(literal) for literal in literals)
        raise InputError(f"the parameter {name} is one of {options}, not {text!r}.")
    return value


def _integer(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None


def _double(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _list(text: str) -> Any:
    return _json(text, list)


def _struct(text: str) -> Any:
    return _json(text, dict)


def _json(text: str, kind: type) -> Any:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, kind) else None


def _other(text: str) -> None:
    """A type that cannot be written on a command line."""


_VALUES: dict[str, Callable[[str], Any]] = {
    "STRING": str,
    "NUMBER_INTEGER": _integer,
    "NUMBER_DOUBLE": _double,
    "BOOLEAN": lambda text: BOOLEANS.get(text.lower()),
    "LIST": _list,
    "STRUCT": _struct,
}
_WORDS = {
    "NUMBER_INTEGER": "a whole number",
    "NUMBER_DOUBLE": "a number",
    "BOOLEAN": "true or false",
    "LIST": "a list in JSON",
    "STRUCT": "a dictionary in JSON",
}
