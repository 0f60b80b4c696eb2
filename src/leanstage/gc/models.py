"""Stored models that no version needs: promotions that broke off, champions of long ago."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from leanstage.gc.artifacts import files_of_model
from leanstage.gc.items import Item, Kept, Rules
from leanstage.registry.champions import COLLECTED, DECISION, STATE
from leanstage.registry.client import connect, pages, refusals
from leanstage.registry.versions import DIGEST_TAG

STATES = frozenset({"pending", "promoted", "abandoned"})
STATUSES = frozenset({"PENDING", "READY", "FAILED"})
JUSTIFIED = "PROMOTE_BASELINE"
VERSIONS_TAG = "mlflow.modelVersions"
"""MLflow's own: which versions were made of a stored model, also those that others may not see."""


@dataclass(frozen=True)
class Version:
    """A version of a registered model, as far as it matters here."""

    name: str
    number: int
    created_ms: int
    model_id: str | None
    run_id: str | None
    state: str | None
    verdict: str | None
    aliased: bool


@dataclass(frozen=True)
class Needed:
    """Models that some version still needs, and those that may go with why."""

    models: frozenset[str]
    superseded: dict[str, tuple[str, tuple[Version, ...]]]
    unclear: tuple[Kept, ...]


def versions() -> list[Version]:
    """Every version of every registered model that this account may read."""
    client = connect()
    aliases: dict[str, set[str]] = {}
    for model in pages(client.search_registered_models):
        aliases[model.name] = {str(version) for version in model.aliases.values()}
    return [_version(found, aliases) for found in pages(client.search_model_versions)]


def _version(found: Any, aliases: dict[str, set[str]]) -> Version:
    prefix, _, model_id = str(found.source).rpartition("/")
    stored = prefix == "models:" and model_id.startswith("m-")
    return Version(
        name=found.name,
        number=int(found.version),
        created_ms=found.creation_timestamp,
        model_id=model_id if stored else None,
        run_id=found.run_id or None,
        state=found.tags.get(STATE),
        verdict=found.tags.get("leanstage.verdict"),
        # A model that the search does not list may have any alias.
        aliased=found.name not in aliases or str(found.version) in aliases[found.name],
    )


def needed(all_versions: list[Version], rules: Rules) -> Needed:
    """Which stored models stay, which champions of long ago may go.

    A model stays as long as one of its versions does: a rollback lets several share one.
    """
    by_name: dict[str, list[Version]] = {}
    for version in all_versions:
        by_name.setdefault(version.name, []).append(version)
    keep: set[str] = set()
    go: dict[str, list[Version]] = {}
    unclear: list[Kept] = []
    for name, entries in by_name.items():
        entries.sort(key=lambda entry: -entry.number)
        states = {entry.state for entry in entries if entry.state is not None}
        if not states <= STATES:
            strange = ", ".join(sorted(states - STATES))
            unclear.append(Kept(name, f"a version is in a state that is not known: {strange}"))
            keep |= {entry.model_id for entry in entries if entry.model_id}
            continue
        for entry, may_go in _judged(entries, rules):
            if entry.model_id is None:
                continue
            if may_go:
                go.setdefault(entry.model_id, []).append(entry)
            else:
                keep.add(entry.model_id)
    return Needed(
        models=frozenset(keep),
        superseded={
            model_id: (_reason(found), tuple(found))
            for model_id, found in go.items()
            if model_id not in keep
        },
        unclear=tuple(unclear),
    )


def _judged(entries: list[Version], rules: Rules) -> Iterator[tuple[Version, bool]]:
    """Each version, newest first, and whether the bytes behind it may go."""
    promoted = [entry for entry in entries if entry.state == "promoted"]
    # A rollback is a further version of a model that was there before: models count, not versions.
    models = list(dict.fromkeys(entry.model_id for entry in promoted))
    recent = set(models[: rules.keep + 1])
    replaced_ms = {older: newer.created_ms for newer, older in itertools.pairwise(promoted)}
    for entry in entries:
        ours = entry.state in {"promoted", "abandoned"}
        since = replaced_ms.get(entry, entry.created_ms)
        yield (
            entry,
            (
                ours
                and not entry.aliased
                and entry.verdict not in {None, JUSTIFIED}
                and entry.model_id not in recent
                and rules.old(since)
            ),
        )


def _reason(found: list[Version]) -> str:
    last = max(found, key=lambda entry: entry.number)
    if last.state == "abandoned":
        return f"its promotion as {last.name} version {last.number} was abandoned"
    return f"{last.name} version {last.number} served long ago"


def stored_models(experiments: list[str], rules: Rules) -> Iterator[Item | Kept]:
    """Stored models of ours that may go; what is not understood is named.

    Args:
        experiments: ids of those that hold promoted bytes.
    """
    found = versions()
    state = needed(found, rules)
    yield from state.unclear
    referenced = {version.model_id for version in found}
    client = connect()
    if not experiments:
        return
    for model in pages(client.search_logged_models, experiment_ids=experiments):
        if DECISION not in model.tags or DIGEST_TAG not in model.tags:
            continue
        status = str(model.status)
        if status not in STATUSES:
            yield Kept(model.model_id, f"its status {status} is not known")
        elif model.model_id in state.superseded:
            reason = state.superseded[model.model_id][0]
            yield _item("earlier champion", model, reason, rules)
        elif model.model_id in referenced:
            continue
        elif VERSIONS_TAG in model.tags:
            yield Kept(model.model_id, "it has a version that this account does not see")
        elif rules.before(model.creation_timestamp, rules.half_stored):
            reason = f"it was stored for a promotion that broke off ({status.lower()})"
            yield _item("half-stored", model, reason, rules)


def _item(kind: Any, model: Any, reason: str, rules: Rules) -> Item:
    size = sum(files_of_model(model.model_id).values())
    return Item(kind, model.model_id, size, reason, lambda: _delete(model.model_id, rules))


def _delete(model_id: str, rules: Rules) -> bool:
    """Mark a model as deleted, if it is still needed by nobody; its versions say when it went."""
    found = versions()
    if model_id in needed(found, rules).models:
        return False
    mine = [version for version in found if version.model_id == model_id]
    client = connect()
    with refusals():
        for version in mine:
            day = rules.now.date().isoformat()
            client.set_model_version_tag(version.name, str(version.number), COLLECTED, day)
        client.delete_logged_model(model_id)
    return True
