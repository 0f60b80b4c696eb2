"""Every version of an inventory examined, several at a time: most of it is waiting for MLflow."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

from leanstage.audit.inventory import Serving, Tell
from leanstage.audit.journal import Journal
from leanstage.audit.standing import Examiner
from leanstage.contracts import AuditEntry
from leanstage.gate.attestation import first_line

_AT_ONCE = 8
_TOLD = 500


def examined(
    inventory: Sequence[Serving], examiner: Examiner, journal: Journal, tell: Tell
) -> Iterator[AuditEntry]:
    """An entry for every version, in no particular order."""
    left = []
    for found in inventory:
        known = journal.find(found)
        if known is None:
            left.append(found)
        else:
            yield known
    if len(left) < len(inventory):
        tell(f"{len(inventory) - len(left):,} of {len(inventory):,} versions were examined before")
    pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="audit")
    try:
        entries = pool.map(partial(_entry, examiner), left)
        for count, (found, entry) in enumerate(zip(left, entries, strict=True), start=1):
            journal.add(found, entry)
            if count % _TOLD == 0:
                tell(f"{count:,} of {len(left):,} serving versions examined")
            yield entry
    finally:
        pool.shutdown(cancel_futures=True)


def _entry(examiner: Examiner, found: Serving) -> AuditEntry:
    """The entry of one version; what nobody thought of is its own error, not the audit's end."""
    try:
        return examiner.entry(found)
    except Exception as error:
        problem = f"it cannot be examined ({type(error).__name__}: {first_line(error)})."
        return examiner.entry(replace(found, problem=problem))
