"""Versions of registered models and the stored models that they need, also those out of sight."""

import re
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, TypeAdapter

from leanstage.registry.champions import STATE
from leanstage.registry.client import connect, pages, refusals

VERSIONS_TAG = "mlflow.modelVersions"
"""MLflow's own: which versions were made of a stored model, also those out of our sight."""
MODEL_ID = re.compile(r"\bm-[0-9a-f]{32}\b")


class _Listed(BaseModel):
    name: str
    version: int


_LISTED = TypeAdapter(list[_Listed])


@dataclass(frozen=True)
class Version:
    """A version of a registered model, as far as it matters here.

    ``models`` are the stored models that it names: one, or none where its bytes lie elsewhere.
    """

    name: str
    number: int
    created_ms: int
    models: frozenset[str]
    state: str | None
    verdict: str | None
    aliased: bool


def versions() -> list[Version]:
    """Every version of every registered model that this account may read."""
    client = connect()
    aliases: dict[str, set[str]] = {}
    for model in pages(client.search_registered_models):
        aliases[model.name] = {str(version) for version in model.aliases.values()}
    return [_version(found, aliases) for found in pages(client.search_model_versions)]


def _version(found: Any, aliases: dict[str, set[str]]) -> Version:
    named = {*MODEL_ID.findall(str(found.source)), *filter(None, [found.model_id])}
    if not named and str(found.source).startswith("models:/"):
        # A copy: its source is the version that it was made of, its bytes are the same.
        with refusals():
            place = connect().get_model_version_download_uri(found.name, found.version)
        named.update(MODEL_ID.findall(place))
    return Version(
        name=found.name,
        number=int(found.version),
        created_ms=found.creation_timestamp,
        models=frozenset(named),
        state=found.tags.get(STATE),
        verdict=found.tags.get("leanstage.verdict"),
        # A model that the search does not list may have any alias.
        aliased=found.name not in aliases or str(found.version) in aliases[found.name],
    )


def unseen(model: Any, found: list[Version]) -> str | None:
    """Why a version that is not among those found may need a model; None where none does."""
    tag = model.tags.get(VERSIONS_TAG)
    if tag is None:
        return None
    try:
        listed = [(entry.name, entry.version) for entry in _LISTED.validate_json(tag)]
    except ValueError:
        return "the versions that were made of it cannot be read"
    seen = {(entry.name, entry.number) for entry in found if model.model_id in entry.models}
    other = next((entry for entry in listed if entry not in seen), None)
    if other is None:
        return None
    return f"{other[0]} version {other[1]} was made of it, which this account does not see"
