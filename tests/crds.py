"""Custom resources held against their definitions, strictly: an unknown field is refused."""

import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

VARIABLE = "LEANSTAGE_CRDS"
KEPT = "x-kubernetes-preserve-unknown-fields"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The definitions have 50,000 lines."""


def at_hand() -> bool:
    """Whether there are definitions to hold a resource against."""
    return bool(os.environ.get(VARIABLE))


def check_resource(resource: dict[str, Any]) -> None:
    """Validate a custom resource; skips the test where no definitions are at hand.

    Raises:
        jsonschema.ValidationError: it breaks its schema or has a field that it does not know.
    """
    Draft202012Validator(schema_of(resource["apiVersion"], resource["kind"])).validate(resource)


def schema_of(api_version: str, kind: str) -> dict[str, Any]:
    """The definition of a kind, closed; skips the test where none are at hand."""
    folder = os.environ.get(VARIABLE)
    if not folder:
        pytest.skip(f"{VARIABLE} names no folder with custom resource definitions")
    group, _, version = api_version.partition("/")
    return _schemas(Path(folder))[group, version, kind]


@cache
def _schemas(folder: Path) -> dict[tuple[str, str, str], dict[str, Any]]:
    found = {}
    for path in sorted(folder.glob("*.yaml")):
        for definition in yaml.load_all(path.read_bytes(), _LOADER):
            spec = definition["spec"]
            for version in spec["versions"]:
                schema = version["schema"]["openAPIV3Schema"]
                key = (spec["group"], version["name"], spec["names"]["kind"])
                found[key] = _closed(schema, keep=("metadata",))
    return found


def _closed(schema: dict[str, Any], *, keep: tuple[str, ...] = ()) -> dict[str, Any]:
    """The schema with every object closed, as a strict API server takes it."""
    closed = dict(schema)
    if "properties" in schema:
        closed["properties"] = {
            name: part if name in keep else _closed(part)
            for name, part in schema["properties"].items()
        }
        if not schema.get(KEPT):
            closed.setdefault("additionalProperties", False)
    if isinstance(schema.get("items"), dict):
        closed["items"] = _closed(schema["items"])
    if isinstance(schema.get("additionalProperties"), dict):
        closed["additionalProperties"] = _closed(schema["additionalProperties"])
    return closed
