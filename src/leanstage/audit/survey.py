"""The audit itself: the inventory, each version examined, and the figures over all of them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

from leanstage import __version__
from leanstage.audit.examining import examined
from leanstage.audit.inventory import Tell, serving
from leanstage.audit.journal import Journal
from leanstage.audit.standing import Examiner
from leanstage.contracts import TECHNIQUES, Audit, AuditEntry, AuditStatus, Coverage
from leanstage.errors import LeanstageError
from leanstage.gate import attestation
from leanstage.registry.client import CHAMPION, public_uri, tracking_uri

_RANK = {status: rank for rank, status in enumerate(get_args(AuditStatus))}


def survey(
    aliases: Sequence[str] = (),
    tell: Tell = print,
    *,
    now: datetime | None = None,
    journal: Path | None = None,
) -> Audit:
    """How every version behind a serving alias stands; nothing is written.

    Args:
        aliases: those that count as serving beside ``champion``.
        tell: takes a line now and then on how far it is.
        now: the moment at which promotions must hold, with its time zone; None is this one.
        journal: a file that each entry is appended to; after a crash the next audit that is given
            it goes on from there.

    Raises:
        RegistryError: MLflow cannot be searched.
    """
    now = now or datetime.now(UTC)
    counted = tuple(dict.fromkeys([CHAMPION, *aliases]))
    examiner = Examiner(_trust(), now)
    inventory = list(serving(counted, tell))
    with Journal(journal, _basis(examiner), now, tell) as kept:
        entries = list(examined(inventory, examiner, kept, tell))
    entries.sort(key=lambda e: (_RANK[e.status], -(e.bytes or 0), e.model, e.version or ""))
    return Audit(
        taken=now.isoformat(timespec="seconds"),
        examined_since=None if kept.since is None else kept.since.isoformat(timespec="seconds"),
        where=public_uri(tracking_uri()),
        aliases=counted,
        entries=tuple(entries),
        coverage=coverage(entries),
        complete=all(entry.error is None for entry in entries),
    )


def coverage(entries: Sequence[AuditEntry]) -> Coverage:
    """How many of the serving versions are what they should be."""
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
    if isinstance(trust, str):
        return [__version__, tracking_uri(), trust]
    revoked = trust.revocations.model_dump(mode="json")
    return [__version__, tracking_uri(), sorted(trust.keys), revoked]


def _trust() -> attestation.Trust | str:
    try:
        return attestation.trusted_keys()
    except LeanstageError as error:
        return str(error)
