"""From entries to an assessment: what serves them, how often, what that costs, what stands out."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self, get_args

from leanstage.accounts import load_factors
from leanstage.audit.cluster import read_cluster
from leanstage.audit.decided import decided_champions, held_to_decisions
from leanstage.audit.flags import flagged
from leanstage.audit.inventory import Tell
from leanstage.audit.matching import Examine, Matcher
from leanstage.audit.prometheus import ask_volumes
from leanstage.audit.sources import Sources
from leanstage.audit.volumes import Volumes, names, read_volumes
from leanstage.audit.weights import weights_of
from leanstage.audit.yearly import experience, yearly
from leanstage.contracts import AuditEntry, AuditStatus, Factors, ModelPolicy
from leanstage.errors import InputError, LeanstageError
from leanstage.gate.policies import POLICY_VARIABLE, policies_here
from leanstage.registry.client import CHAMPION, embedded

_RANK = {status: rank for rank, status in enumerate(get_args(AuditStatus))}
_NAMED = 20
"""Names of a file of volumes that a note tells at most."""
_GIVE_UP = 3
"""Sizes that cannot be read one after the other before no more are asked for."""


@dataclass
class Assessment:
    """The entries, ranked, and what was or was not to be had beside them."""

    entries: list[AuditEntry]
    cluster: str | None = None
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Given:
    """What the user's files say; read before anything else, so that a mistake shows at once."""

    volumes: Volumes
    factors: Factors

    @classmethod
    def by(cls, sources: Sources) -> Self:
        """Read the files.

        Raises:
            InputError: one of them cannot be used, or there is a query and nobody to ask.
        """
        if sources.query and not sources.prometheus:
            raise InputError(
                "There is a query and no Prometheus to ask; name it with --prometheus."
            )
        volumes = Volumes() if sources.volumes is None else read_volumes(sources.volumes)
        return cls(volumes, load_factors())


def assessed(
    entries: Sequence[AuditEntry],
    examine: Examine,
    sources: Sources,
    given: Given,
    now: datetime,
    tell: Tell,
) -> Assessment:
    """Hold the entries to what was decided, and to what is known beside MLflow.

    Raises:
        RegistryError: MLflow cannot be searched.
    """
    decided = decided_champions()
    found = Assessment(list(entries))
    if sources.cluster:
        tell("reading the cluster")
        cluster = read_cluster(sources.namespaces)
        found.cluster = cluster.host
        found.problems += cluster.problems
        found.notes += cluster.notes
        found.entries = Matcher(examine, decided, now).joined(found.entries, cluster.found)
    found.entries = held_to_decisions(found.entries, decided)
    _count(found, given.volumes, sources)
    if sources.sizes:
        tell("reading sizes")
        _measure(found, sources.sizes)
    known = experience(found.entries)
    found.entries = [
        entry.model_copy(update={"yearly": yearly(entry, known, given.factors)})
        for entry in flagged(found.entries, _policies(found))
    ]
    if any(entry.yearly for entry in found.entries):
        found.notes.append(f"Emissions and cost: {given.factors.basis}")
    elif any(entry.requests_per_year for entry in found.entries):
        found.notes.append(
            "No saving is estimated: of nothing that is left to optimize a decision says what an "
            "answer takes, and no size of a text classifier is known to go by (--sizes)."
        )
    found.entries.sort(key=_order)
    return found


def _order(entry: AuditEntry) -> tuple[Any, ...]:
    """The most to save first; where that is not known, the worst, the busiest, the largest."""
    return (
        -(entry.yearly.kwh[1] if entry.yearly else 0.0),
        _RANK[entry.status],
        -(entry.requests_per_year or 0.0),
        -(entry.bytes or 0),
        entry.model,
        entry.version or "",
    )


def _count(found: Assessment, volumes: Volumes, sources: Sources) -> None:
    """Requests of each entry: from the file, else from Prometheus."""
    asked = Volumes()
    if sources.prometheus:
        try:
            asked = ask_volumes(sources.prometheus, sources.query)
        except LeanstageError as error:
            found.problems.append(str(error))
    versions = Counter(entry.model for entry in found.entries)
    left = [set(volumes.by_name), set(asked.by_name)]
    for index, entry in enumerate(found.entries):
        # Of several versions that serve, the champion answers for the model.
        whole = versions[entry.model] == 1 or CHAMPION in entry.aliases
        for unused in left:
            unused -= names(entry, whole=whole)
        for each in (volumes, asked):
            requests = each.of(entry, whole=whole)
            if requests is not None:
                update = {"requests_per_year": requests, "requests_from": each.source}
                found.entries[index] = entry.model_copy(update=update)
                break
    if left[0]:
        first = ", ".join(sorted(left[0])[:_NAMED])
        found.notes.append(
            f"{volumes.source} names {len(left[0]):,} of which nothing serves by that name, or of "
            f"which several versions serve and none is the champion: {first}"
            f"{' and others' if len(left[0]) > _NAMED else ''}."
        )
    if left[1]:
        found.notes.append(
            f"{asked.source} counts requests of {len(left[1]):,} that no model here is known by."
        )
    if sources.volumes is None and not sources.prometheus:
        found.notes.append("No requests were counted: name a file with --volume, or --prometheus.")


def _measure(found: Assessment, most: int) -> None:
    """Size and precision of what no gate decided on, the busiest first."""
    left = sorted(
        (
            (index, entry)
            for index, entry in enumerate(found.entries)
            if entry.version is not None and entry.bytes is None and entry.error is None
        ),
        key=lambda each: (-(each[1].requests_per_year or 0.0), each[1].model),
    )
    failed = 0
    for index, entry in left[:most]:
        try:
            known = weights_of(entry.model, entry.version or "")
            failed = 0
        except LeanstageError as error:
            known = {"error": str(error)}
            failed += 1
        found.entries[index] = entry.model_copy(update=known)
        if failed == _GIVE_UP:
            found.notes.append(
                f"Sizes were given up after {_GIVE_UP} in a row that could not be read."
            )
            return
    if len(left) > most:
        found.notes.append(
            f"Sizes were read of {most:,} of the {len(left):,} models that no gate decided on."
        )


def _policies(found: Assessment) -> list[ModelPolicy]:
    """Those that hold whatever a run states: none for the one user of an embedded MLflow."""
    if embedded() and not os.environ.get(POLICY_VARIABLE):
        return []
    try:
        return policies_here()[0]
    except LeanstageError as error:
        found.problems.append(f"The policies in force cannot be read: {error}")
        return []
