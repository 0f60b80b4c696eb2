"""The headline figures above the tables."""

from leanstage.contracts import EnergyComparison, Evaluation, Metric
from leanstage.report import names
from leanstage.report.document import Card
from leanstage.report.figures import (
    MISSING,
    change,
    joules,
    milliseconds,
    sample,
    size,
)
from leanstage.report.inputs import ReportInputs
from leanstage.report.metrics import compared
from leanstage.report.names import find_arm

_UNMEASURED = "no energy comparison on record"


def cards(inputs: ReportInputs) -> tuple[Card, ...]:
    """Four headline figures of the candidate the report is about."""
    record = inputs.record(inputs.subject)
    if record is None:
        return ()
    before, after = inputs.baseline.bytes, record.manifest.bytes
    return (
        _metric(record.evaluation, inputs.policy.metric),
        _energy(record.energy),
        _latency(record.energy),
        Card(
            "Size on disk",
            change(after / before),
            f"{size(before)} → {size(after)}",
            "all files of the model",
        ),
    )


def _metric(evaluation: Evaluation | None, metric: Metric) -> Card:
    if evaluation is None:
        return Card(names.title(metric), MISSING, "", "no evaluation on record")
    found = compared(evaluation, metric)
    return Card(
        names.title(found.metric),
        found.change,
        " → ".join(found.values),
        f"95% interval {found.span}, {sample(found.n)}",
    )


def _energy(energy: EnergyComparison | None) -> Card:
    if energy is None:
        return Card("Energy per answer", MISSING, "", _UNMEASURED)
    before = find_arm(energy, energy.registered.against)
    after = find_arm(energy, energy.registered.arm)
    return Card(
        "Energy per answer",
        change(energy.registered.ratio),
        f"{joules(before.joules_per_answer)} → {joules(after.joules_per_answer)}"
        if before and after
        else "",
        f"{energy.meter.name}, {energy.meter.tier}, batch {energy.workload.batch_size}",
    )


def _latency(energy: EnergyComparison | None) -> Card:
    title = "Latency, 95th pct."
    before = find_arm(energy, energy.registered.against) if energy else None
    after = find_arm(energy, energy.registered.arm) if energy else None
    if before is None or after is None:
        return Card(title, MISSING, "", _UNMEASURED)
    return Card(
        title,
        change(after.latency_p95_ms / before.latency_p95_ms),
        f"{milliseconds(before.latency_p95_ms)} → {milliseconds(after.latency_p95_ms)}",
        "batch 1, wall clock",
    )
