"""The words of an audit, the same in the terminal and on the page."""

import math
from datetime import UTC, datetime

from leanstage.contracts import Audit, AuditEntry, AuditStatus, Deployed, FlagCode, Interval

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
RANK = {status: rank for rank, status in enumerate(TITLE)}
FLAG: dict[FlagCode, str] = {
    "parameters.many": "Large for its task",
    "precision.full": "Full precision",
    "accelerator.small": "Accelerator for a small model",
    "policy.changed": "Policy changed",
}


def coverage_sentence(audit: Audit) -> str:
    """Coverage in a sentence or two, with what is missing where something is."""
    found = audit.coverage
    if found.models == 0:
        told = f"Nothing that serves was found: no version carries {_either(audit.aliases)}."
    else:
        told = (
            f"Of {found.models:,} serving {_counted(found.models)}, {found.evaluated:,} "
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


def moment(text: str) -> str:
    """``2026-11-26 12:54 UTC``."""
    return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def name(entry: AuditEntry) -> str:
    """Model, version and aliases: ``reviews/3 (champion)``."""
    numbered = entry.model if entry.version is None else f"{entry.model}/{entry.version}"
    return f"{numbered} ({', '.join(entry.aliases)})" if entry.aliases else numbered


def why(entry: AuditEntry) -> str:
    """The reason, or why it could not be read."""
    if entry.error and entry.status != "unverifiable":
        return f"{entry.reason} {entry.error}"
    return entry.error or entry.reason


def deployed(each: Deployed) -> str:
    """``InferenceService team-a/reviews (huggingface, 2 accelerators)``."""
    held = f"{each.accelerators} accelerator{'s' * (each.accelerators > 1)}"
    share = "" if each.share_percent is None else f"{each.share_percent}% of the requests"
    asleep = "" if each.replicas != 0 else "no replica at present"
    parts = (each.server, held if each.accelerators else "", share, asleep)
    more = ", ".join(filter(None, parts))
    return f"{each.kind} {each.namespace}/{each.name}" + (f" ({more})" if more else "")


def served_by(entry: AuditEntry) -> str:
    """Everything on the cluster that serves it; empty where nothing does."""
    return "; ".join(deployed(each) for each in entry.served_by)


def requests(entry: AuditEntry) -> str:
    """``4,000,000``; empty where it is not known."""
    return "" if entry.requests_per_year is None else f"{entry.requests_per_year:,.0f}"


def wh_per_1000(entry: AuditEntry) -> float | None:
    """Watt-hours per 1,000 answers of what serves, where a decision measured it."""
    return None if entry.joules_per_answer is None else entry.joules_per_answer * 1000 / 3600


def energy(entry: AuditEntry) -> str:
    """``1.46 Wh (estimated)`` per 1,000 answers; empty where it is not known."""
    used = wh_per_1000(entry)
    return "" if used is None else f"{figure(used)} Wh ({entry.tier})"


def kwh(entry: AuditEntry) -> str:
    """``0.139 to 0.556 kWh``; empty where nothing is claimed."""
    return "" if entry.yearly is None else f"{span(entry.yearly.kwh)} kWh"


def beside_kwh(entry: AuditEntry) -> str:
    """What the energy to save emits and costs."""
    if entry.yearly is None:
        return ""
    money = span(entry.yearly.money)
    return f"{span(entry.yearly.tco2e)} tCO2e, {money} {entry.yearly.currency}"


def total(audit: Audit) -> str:
    """What optimizing everything would save in a year; empty where nothing is claimed."""
    known = [entry.yearly for entry in audit.entries if entry.yearly is not None]
    if not known:
        return ""
    (low, high), (least, most), (cheap, dear) = (
        [math.fsum(getattr(each, name)[end] for each in known) for end in (0, 1)]
        for name in ("kwh", "tco2e", "money")
    )
    models = f"{len(known):,} {_plural(len(known))}"
    return (
        f"Left to save in a year, by {models} whose requests are known: {span((low, high))} kWh, "
        f"{span((least, most))} tCO2e, {span((cheap, dear))} {known[0].currency}."
    )


def span(interval: Interval) -> str:
    """``0.139 to 0.556``, or one figure where both are the same."""
    low, high = map(figure, interval)
    return low if low == high else f"{low} to {high}"


def figure(value: float) -> str:
    """Three significant digits, large figures in full."""
    if 0.0 < value < 0.001:
        return "<0.001"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _either(aliases: tuple[str, ...]) -> str:
    return f"the alias {' or '.join(aliases)}"


def _plural(count: int) -> str:
    return "model" if count == 1 else "models"


def _counted(count: int) -> str:
    return "version or workload" if count == 1 else "versions and workloads"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"
