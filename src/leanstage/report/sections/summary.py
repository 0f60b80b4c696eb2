"""Baseline beside candidate, figure by figure."""

from leanstage.contracts import Arm
from leanstage.report import names
from leanstage.report.document import Block, Cell, Column, Row, Section, Table
from leanstage.report.figures import (
    MISSING,
    change,
    count,
    joules,
    milliseconds,
    parameters,
    ratio,
    sample,
    size,
    span,
    versus,
)
from leanstage.report.inputs import CandidateRecord, ReportInputs
from leanstage.report.metrics import compared, metrics_of
from leanstage.report.names import find_arm
from leanstage.report.sections.limits import limits_table


def summary_section(inputs: ReportInputs) -> Section:
    """Baseline beside candidate, then the limits of the policy."""
    role = inputs.subject
    record = inputs.record(role)
    if role is None or record is None:
        return Section(
            "summary",
            "Summary",
            "No candidate reached the gate, so there is nothing to compare the baseline with.",
        )
    ships = "ships" if inputs.decision.promoted == role else "does not ship"
    table = Table(
        f"Baseline and {names.ROLE[role].lower()} side by side; the candidate {ships}",
        (
            Column("Figure"),
            Column("Baseline", "number"),
            Column("Candidate", "number"),
            Column("Difference", "number"),
            Column("What stands behind it", "prose"),
        ),
        (
            *_metrics(inputs, record),
            *_energy(record),
            *_latency(record),
            *_build(inputs, record),
        ),
        "Differences are candidate against baseline. "
        "Intervals are two-sided at 95% unless said otherwise.",
    )
    limits = limits_table(inputs, role)
    blocks: tuple[Block, ...] = (table,) if limits is None else (table, limits)
    return Section("summary", "Summary", _lead(inputs, record), blocks)


def _lead(inputs: ReportInputs, record: CandidateRecord) -> str:
    energy, metric = record.energy, inputs.policy.metric
    found = compared(record.evaluation, metric) if record.evaluation else None
    saving = (
        f"The candidate uses {versus(energy.registered.ratio)} the baseline as registered, and "
        f"{versus(energy.strongest.ratio)} the strongest form of the baseline that needs none of "
        "these techniques."
        if energy
        else "The candidate's energy was not measured."
    )
    kept = (
        f"Its {names.METRIC[found.metric]} is {found.values[1]} against {found.values[0]}."
        if found
        else f"Its {names.METRIC[metric]} was not evaluated."
    )
    return f"{saving} {kept}"


def _metrics(inputs: ReportInputs, record: CandidateRecord) -> list[Row]:
    judged = inputs.policy.metric
    if record.evaluation is None:
        return [_missing(names.title(judged), "no evaluation on record")]
    rows: list[Row] = []
    judged = compared(record.evaluation, judged).metric
    for metric in metrics_of(record.evaluation):
        found = compared(record.evaluation, metric)
        rows.append(
            (
                Cell(names.title(metric), "judged by the policy" if metric == judged else ""),
                Cell(found.values[0]),
                Cell(found.values[1]),
                Cell(found.change, found.span),
                Cell(f"Evaluation split, {sample(found.n)}", f"interval: {found.method}"),
            )
        )
    return rows


def _energy(record: CandidateRecord) -> list[Row]:
    energy = record.energy
    if energy is None:
        return [_missing("Energy per answer", "no energy comparison on record")]
    own = find_arm(energy, energy.registered.arm)
    rows: list[Row] = []
    for title, held in (
        ("against the baseline as registered", energy.registered),
        ("against its strongest unoptimized form", energy.strongest),
    ):
        against = find_arm(energy, held.against)
        rows.append(
            (
                Cell("Energy per answer", title),
                _joules(against),
                _joules(own),
                Cell(
                    change(held.ratio),
                    f"ratio {ratio(held.ratio)}, {span(*held.ci95)}",
                ),
                Cell(
                    f"{energy.meter.name}, tier: {energy.meter.tier}",
                    f"{count(held.blocks)} blocks, batch {energy.workload.batch_size}",
                ),
            )
        )
    return rows


def _joules(arm: Arm | None) -> Cell:
    if arm is None:
        return Cell(MISSING, tone="quiet")
    return Cell(joules(arm.joules_per_answer), names.form(arm.runtime, arm.precision))


def _latency(record: CandidateRecord) -> list[Row]:
    base, own = _arms(record)
    if base is None or own is None:
        return [_missing("Latency", "no energy comparison on record")]
    pairs = (
        ("median", base.latency_p50_ms, own.latency_p50_ms),
        ("95th percentile", base.latency_p95_ms, own.latency_p95_ms),
    )
    return [
        (
            Cell("Latency", title),
            Cell(milliseconds(before)),
            Cell(milliseconds(after)),
            Cell(change(after / before)),
            Cell("Wall clock, batch 1", "baseline as registered"),
        )
        for title, before, after in pairs
    ]


def _build(inputs: ReportInputs, record: CandidateRecord) -> list[Row]:
    base, own = inputs.baseline, record.manifest
    return [
        (
            Cell("Size on disk"),
            Cell(size(base.bytes)),
            Cell(size(own.bytes)),
            Cell(change(own.bytes / base.bytes)),
            Cell("All files of the model", "from the manifests"),
        ),
        (
            Cell("Parameters"),
            Cell(parameters(base.parameters)),
            Cell(parameters(own.parameters)),
            Cell(change(own.parameters / base.parameters)),
            Cell("Counted in the weights", "from the manifests"),
        ),
        (
            Cell("Served as"),
            Cell(names.form(base.runtime, base.precision)),
            Cell(names.form(own.runtime, own.precision)),
            Cell("the same" if _same_form(inputs, record) else "changed", tone="quiet"),
            Cell("Runtime and precision", "from the manifests"),
        ),
    ]


def _same_form(inputs: ReportInputs, record: CandidateRecord) -> bool:
    base, own = inputs.baseline, record.manifest
    return (base.runtime, base.precision) == (own.runtime, own.precision)


def _arms(record: CandidateRecord) -> tuple[Arm | None, Arm | None]:
    """Baseline as registered and candidate, as the energy comparison measured them."""
    energy = record.energy
    if energy is None:
        return None, None
    return find_arm(energy, energy.registered.against), find_arm(energy, energy.registered.arm)


def _missing(figure: str, why: str) -> Row:
    gap = Cell(MISSING, tone="quiet")
    return (Cell(figure), gap, gap, gap, Cell(why.capitalize(), tone="quiet"))
