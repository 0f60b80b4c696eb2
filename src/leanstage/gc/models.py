"""Stored models that no version needs: promotions that broke off, champions of long ago."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from leanstage.gc.artifacts import files_of_model
from leanstage.gc.items import Item, Kept, Rules
from leanstage.gc.versions import Version, unseen, versions
from leanstage.registry.champions import COLLECTED, DECISION
from leanstage.registry.client import connect, pages, refusals
from leanstage.registry.versions import DIGEST_TAG

STATES = frozenset({"pending", "promoted", "abandoned"})
STATUSES = frozenset({"PENDING", "READY", "FAILED"})
JUSTIFIED = "PROMOTE_BASELINE"


@dataclass(frozen=True)
class Needed:
    """Models that some version still needs, and those that may go with why."""

    models: frozenset[str]
    superseded: dict[str, tuple[str, tuple[Version, ...]]]
    unclear: tuple[Kept, ...]


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
            keep.update(*(entry.models for entry in entries))
            continue
        for entry, may_go in _judged(entries, rules):
            if not may_go:
                keep |= entry.models
                continue
            for model_id in entry.models:
                go.setdefault(model_id, []).append(entry)
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
    models = list(dict.fromkeys(entry.models for entry in promoted))
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
                and entry.models not in recent
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
    client = connect()
    if not experiments:
        return
    for model in pages(client.search_logged_models, experiment_ids=experiments):
        if DECISION not in model.tags or DIGEST_TAG not in model.tags:
            continue
        status = str(model.status)
        if status not in STATUSES:
            yield Kept(model.model_id, f"its status {status} is not known")
        elif model.model_id in state.models:
            continue
        elif reason := unseen(model, found):
            yield Kept(model.model_id, reason)
        elif model.model_id in state.superseded:
            reason = state.superseded[model.model_id][0]
            yield _item("earlier champion", model, reason, rules)
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
    mine = [version for version in found if model_id in version.models]
    client = connect()
    with refusals():
        if unseen(client.get_logged_model(model_id), found):
            return False
        for version in mine:
            day = rules.now.date().isoformat()
            client.set_model_version_tag(version.name, str(version.number), COLLECTED, day)
        client.delete_logged_model(model_id)
    return True
