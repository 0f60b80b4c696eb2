"""The words of an audit, the same in the terminal and on the page."""

from leanstage.contracts import Audit, AuditEntry, AuditStatus

TITLE: dict[AuditStatus, str] = {
    "drifted": "Drifted",
    "unverifiable": "Unverifiable",
    "never-evaluated": "Never evaluated",
    "justification-expired": "Justification expired",
    "justified": "Justified",
    "optimized": "Optimized",
}
TONE: dict[AuditStatus, str] = {
    "drifted": "bad",
    "unverifiable": "bad",
    "never-evaluated": "bad",
    "justification-expired": "warn",
    "justified": "warn",
    "optimized": "good",
}


def coverage_sentence(audit: Audit) -> str:
    """Coverage in a sentence or two, with what is missing where something is."""
    found = audit.coverage
    if found.models == 0:
        told = f"Nothing serves: no version carries {_either(audit.aliases)}."
    else:
        told = (
            f"Of {found.models:,} serving {_plural(found.models)}, {found.evaluated:,} "
            f"({found.evaluated / found.models:.0%}) {_were(found.evaluated)} evaluated for all "
            f"three techniques; {found.optimized:,} optimized, {found.justified:,} justified, "
            f"{found.rest:,} neither."
        )
    if audit.examined_since is not None:
        told += f" The first was examined at {audit.examined_since}, before an interruption."
    if audit.complete:
        return told
    unread = len(audit.problems) + sum(entry.error is not None for entry in audit.entries)
    return f"{told} Incomplete: {unread:,} could not be read."


def saving(entry: AuditEntry) -> str:
    """``52% (at least 48%)``; empty where the decision measured none."""
    if entry.saving is None:
        return ""
    bound = "" if entry.saving_bound is None else f" (at least {entry.saving_bound:.0%})"
    return f"{entry.saving:.0%}{bound}"


def size(entry: AuditEntry) -> str:
    """Size in MB; empty where it is not known."""
    return "" if entry.bytes is None else f"{entry.bytes / 1e6:,.1f} MB"


def age(entry: AuditEntry) -> str:
    """``12 days``; empty where it is not known."""
    if entry.age_days is None:
        return ""
    days = round(entry.age_days)
    return f"{days:,} {'day' if days == 1 else 'days'}"


def form(entry: AuditEntry) -> str:
    """``onnxruntime int8``; empty where it is not known."""
    return f"{entry.runtime} {entry.precision}" if entry.runtime else ""


def name(entry: AuditEntry) -> str:
    """Model, version and aliases: ``reviews/3 (champion)``."""
    numbered = entry.model if entry.version is None else f"{entry.model}/{entry.version}"
    return f"{numbered} ({', '.join(entry.aliases)})" if entry.aliases else numbered


def why(entry: AuditEntry) -> str:
    """The reason, or why it could not be read."""
    return entry.error or entry.reason


def _either(aliases: tuple[str, ...]) -> str:
    return f"the alias {' or '.join(aliases)}"


def _plural(count: int) -> str:
    return "model" if count == 1 else "models"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"
