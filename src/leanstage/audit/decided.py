"""What the gate decided for each registered model, and what serves in its place."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from leanstage.audit.inventory import HIDDEN
from leanstage.contracts import AuditEntry
from leanstage.registry.champions import STATE
from leanstage.registry.client import connect, pages

_PROMOTED = f"tags.`{STATE}` = 'promoted'"
_PAGE = 1000

Decided = Mapping[str, int]
"""The version that the gate made champion, by the name of the registered model."""


def decided_champions() -> Decided:
    """The newest promoted version of every model that has one.

    Raises:
        RegistryError: MLflow cannot be searched.
    """
    newest: dict[str, int] = {}
    for found in promoted_versions():
        newest[found.name] = max(newest.get(found.name, 0), int(found.version))
    return newest


def promoted_versions() -> Iterator[Any]:
    """Every version that a gate once made champion, as MLflow describes it.

    Raises:
        RegistryError: MLflow cannot be searched.
    """
    search = connect().search_model_versions
    # A champion that was hidden would let an older version pass for it.
    for query in (_PROMOTED, f"{_PROMOTED} AND {HIDDEN}"):
        yield from pages(search, filter_string=query, max_results=_PAGE)


def held_to_decisions(entries: Sequence[AuditEntry], decided: Decided) -> list[AuditEntry]:
    """The entries, those that serve instead of the decided champion as ``drifted``.

    What could not be verified stays so: nothing is known of its bytes.
    """
    return [_held(entry, decided) for entry in entries]


def _held(entry: AuditEntry, decided: Decided) -> AuditEntry:
    champion = decided.get(entry.model)
    if (
        champion is None
        or entry.version is None
        or int(entry.version) == champion
        or entry.status in ("unverifiable", "drifted")
    ):
        return entry
    return entry.model_copy(
        update={
            "status": "drifted",
            "reason": f"{_what(entry)} version {entry.version}, and the gate decided for version "
            f"{champion}. {_way(entry)}",
        }
    )


def _what(entry: AuditEntry) -> str:
    if entry.aliases:
        verb = "points" if len(entry.aliases) == 1 else "point"
        return f"{' and '.join(entry.aliases)} {verb} at"
    serving = [f"{each.kind} {each.namespace}/{each.name}" for each in entry.served_by]
    return f"{' and '.join(serving)} {'serves' if len(serving) == 1 else 'serve'}"


def _way(entry: AuditEntry) -> str:
    if entry.aliases:
        return "Look who moved the alias, or roll back with `leanstage rollback`."
    return "Deploy the champion, or roll back to this one with `leanstage rollback`."
