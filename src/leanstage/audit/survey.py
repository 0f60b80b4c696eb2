"""The audit itself: the inventory, each version examined, and the figures over all of them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from leanstage import __version__
from leanstage.audit.assess import Given, assessed
from leanstage.audit.examining import examined
from leanstage.audit.inventory import Tell, serving
from leanstage.audit.journal import Journal
from leanstage.audit.sources import Sources
from leanstage.audit.standing import Examiner
from leanstage.contracts import TECHNIQUES, Audit, AuditEntry, Coverage
from leanstage.errors import LeanstageError
from leanstage.gate import attestation
from leanstage.registry.client import CHAMPION, tracking_uri
from leanstage.uris import public_uri


def survey(
    aliases: Sequence[str] = (),
    tell: Tell = print,
    *,
    now: datetime | None = None,
    journal: Path | None = None,
    sources: Sources | None = None,
) -> Audit:
    """How every version behind a serving alias stands, and what else serves; nothing is changed.

    Args:
        aliases: those that count as serving beside ``champion``.
        tell: takes a line now and then on how far it is.
        now: the moment at which promotions must hold, with its time zone; None is this one.
        journal: a file that each entry is appended to; after a crash the next audit that is given
            it goes on from there.
        sources: what to ask beside MLflow; None is nothing.

    Raises:
        RegistryError: MLflow cannot be searched.
        InputError: a file that ``sources`` names cannot be used.
    """
    now = now or datetime.now(UTC)
    counted = tuple(dict.fromkeys([CHAMPION, *aliases]))
    sources = sources or Sources()
    given = Given.by(sources)
    examiner = Examiner(_trust(), now, sources.whole)
    inventory = list(serving(counted, tell))
    with Journal(journal, _basis(examiner), now, tell) as kept:
        entries = list(examined(inventory, examiner, kept, tell))
    found = assessed(entries, examiner.entry, sources, given, now, tell)
    return Audit(
        taken=now.isoformat(timespec="seconds"),
        examined_since=None if kept.since is None else kept.since.isoformat(timespec="seconds"),
        where=public_uri(tracking_uri()),
        cluster=found.cluster,
        aliases=counted,
        entries=tuple(found.entries),
        coverage=coverage(found.entries),
        problems=tuple(found.problems),
        notes=tuple(found.notes),
        complete=not found.problems and all(entry.error is None for entry in found.entries),
    )


def coverage(entries: Sequence[AuditEntry]) -> Coverage:
    """How much of what serves is what it should be."""
    optimized = sum(entry.status == "optimized" for entry in entries)
    justified = sum(entry.status == "justified" for entry in entries)
    return Coverage(
        models=len(entries),
        evaluated=sum(set(entry.techniques) == set(TECHNIQUES) for entry in entries),
        optimized=optimized,
        justified=justified,
        rest=len(entries) - optimized - justified,
    )


def _basis(examiner: Examiner) -> list[Any]:
    """What entries rest on beside the versions themselves."""
    trust = examiner.trust
    place = [__version__, tracking_uri(), examiner.whole]
    if isinstance(trust, str):
        return [*place, trust]
    return [*place, sorted(trust.keys), trust.revocations.model_dump(mode="json")]


def _trust() -> attestation.Trust | str:
    try:
        return attestation.trusted_keys()
    except LeanstageError as error:
        return str(error)
