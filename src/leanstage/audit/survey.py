"""The audit itself: the inventory, each version examined, and the figures over all of them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import get_args

from leanstage.audit.inventory import Tell, serving
from leanstage.audit.standing import Examiner
from leanstage.contracts import TECHNIQUES, Audit, AuditEntry, AuditStatus, Coverage
from leanstage.errors import LeanstageError
from leanstage.gate import attestation
from leanstage.registry.client import CHAMPION, public_uri, tracking_uri

_RANK = {status: rank for rank, status in enumerate(get_args(AuditStatus))}
_TOLD = 100


def survey(
    aliases: Sequence[str] = (), tell: Tell = print, *, now: datetime | None = None
) -> Audit:
    """How every version behind a serving alias stands; nothing is written.

    Args:
        aliases: those that count as serving beside ``champion``.
        tell: takes a line now and then on how far it is.
        now: the moment at which promotions must hold, with its time zone; None is this one.

    Raises:
        RegistryError: MLflow cannot be searched.
    """
    now = now or datetime.now(UTC)
    counted = tuple(dict.fromkeys([CHAMPION, *aliases]))
    examiner = Examiner(_trust(), now)
    entries: list[AuditEntry] = []
    for found in serving(counted, tell):
        entries.append(examiner.entry(found))
        if len(entries) % _TOLD == 0:
            tell(f"{len(entries):,} serving versions examined")
    entries.sort(key=lambda e: (_RANK[e.status], -(e.bytes or 0), e.model, e.version or ""))
    return Audit(
        taken=now.isoformat(timespec="seconds"),
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


def _trust() -> attestation.Trust | str:
    try:
        return attestation.trusted_keys()
    except LeanstageError as error:
        return str(error)
