"""Reading JSON and YAML without the freedoms that let one text mean two things."""

import difflib
import json
from collections.abc import Hashable, Iterable
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from leanstage.contracts.base import canonical_json, first_problem
from leanstage.errors import InputError

Document = TypeVar("Document", bound=BaseModel)


def strict_json(data: bytes) -> Any:
    """A JSON value in UTF-8 that has a canonical form, and whose objects name every key once.

    Raises:
        ValueError: it is no such JSON.
    """
    try:
        value = json.loads(data.decode(), object_pairs_hook=_unique)
        canonical_json(value)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return value


def strict_yaml(text: str, *, where: str) -> Any:
    """Plain data from YAML whose mappings name every key once; ``where`` names its origin.

    Raises:
        InputError: it is no such YAML.
    """
    try:
        return yaml.load(text, Loader=_OnceOnly)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{where} cannot be read as YAML: {reason}.") from error


def read_fields(fields: Any, kind: type[Document], *, where: str, what: str) -> Document:
    """A document from plain data that a person wrote.

    Args:
        what: the document in words, for the message.

    Raises:
        InputError: not a mapping, an unknown key (the nearest known one is named), or a value that
            breaks the contract.
    """
    if not isinstance(fields, dict):
        raise InputError(f"{where} is not a {what}: expected keys and values.")
    require_known(fields, kind, where=where)
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        raise InputError(f"{where} is not a valid {what}: {first_problem(error)}.") from error


def require_known(fields: Iterable[Any], kind: type[BaseModel], *, where: str) -> None:
    """Refuse a key that a document does not have, and name the nearest that it has.

    Raises:
        InputError: there is one.
    """
    known = list(kind.model_fields)
    for key in fields:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(known)}."
            raise InputError(f"{where} has the unknown key {key!r}; {hint}")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("it names a key twice")
    return fields


class _OnceOnly(yaml.SafeLoader):
    """Refuses a key that stands twice: YAML would silently take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, Hashable):
                if key in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"the key {key!r} stands twice", key_node.start_mark
                    )
                seen.add(key)
        return super().construct_mapping(node, deep=deep)
