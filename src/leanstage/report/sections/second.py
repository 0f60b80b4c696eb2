"""The second candidate beside the first, in brief."""

from collections.abc import Callable

from leanstage.contracts import Metric, Role
from leanstage.report import names
from leanstage.report.document import Block, Cell, Column, Section, Table
from leanstage.report.figures import (
    MISSING,
    count,
    milliseconds,
    parameters,
    ratio,
    size,
    span,
)
from leanstage.report.inputs import CandidateRecord, ReportInputs
from leanstage.report.metrics import compared, metrics_of
from leanstage.report.names import find_arm
from leanstage.report.sections.accuracy import interval_chart
from leanstage.report.sections.limits import limits_table
from leanstage.report.sections.steps import overview


def second_section(inputs: ReportInputs) -> Section | None:
    """The candidate that the report is not about; None where there is only one."""
    first, second = inputs.subject, inputs.second
    one, two = inputs.record(first), inputs.record(second)
    if first is None or second is None or one is None or two is None:
        return None
    blocks: list[Block] = []
    evaluated = tuple(
        (names.ROLE[role], record.evaluation, None)
        for role, record in ((first, one), (second, two))
        if record.evaluation is not None
    )
    if len(evaluated) == 2:
        blocks.append(interval_chart(inputs, "second", evaluated, " of both candidates"))
    blocks.append(
        Table(
            "Both candidates",
            (
                Column("Figure"),
                Column(names.ROLE[first], "number"),
                Column(names.ROLE[second], "number"),
            ),
            tuple(
                (Cell(title, sub), form(inputs, first, one), form(inputs, second, two))
                for title, sub, form in (_ROWS[0], *_metric_rows(one, two), *_ROWS[1:])
            ),
            "Each candidate was measured in its own comparison with the baseline."
            + _rows_behind(one, two),
        )
    )
    limits = limits_table(inputs, second)
    if limits is not None:
        blocks.append(limits)
    if two.manifest.lineage:
        caption = f"Steps of the {names.ROLE[second].lower()}"
        blocks.append(overview(inputs.baseline, two.manifest, caption))
    return Section("second", names.ROLE[second], _lead(inputs, second), tuple(blocks))


def _lead(inputs: ReportInputs, role: Role) -> str:
    judgement = inputs.judgement(role)
    what = (
        "The fallback quantizes the baseline directly, without distilling or pruning."
        if role == "fallback"
        else "The optimized candidate went through all techniques in turn."
    )
    if judgement is None:
        return f"{what} The gate did not need to judge it."
    return f"{what} The gate {'accepts' if judgement.passed else 'does not accept'} it."


def _gate(inputs: ReportInputs, role: Role, record: CandidateRecord) -> Cell:
    judgement = inputs.judgement(role)
    if judgement is None:
        return Cell("Not judged", tone="quiet")
    if judgement.passed:
        return Cell("Passed", "ships" if inputs.decision.promoted == role else "", "good")
    return Cell("Not passed", ", ".join(r.code for r in judgement.reasons), "bad")


def _rows_behind(*records: CandidateRecord) -> str:
    found = dict.fromkeys(count(r.evaluation.n) for r in records if r.evaluation is not None)
    return f" Evaluation split, n = {', '.join(found)}." if found else ""


def _metric(record: CandidateRecord, metric: Metric) -> Cell:
    if record.evaluation is None:
        return Cell(MISSING, tone="quiet")
    found = compared(record.evaluation, metric)
    return Cell(found.values[1], f"{found.change}, {found.span}")


def _metric_rows(*records: CandidateRecord) -> "list[tuple[str, str, _Form]]":
    """One row for each metric that a candidate was evaluated by."""
    found = next((record.evaluation for record in records if record.evaluation), None)
    metrics = metrics_of(found) if found else ("accuracy", "macro_f1")
    notes = ("and its difference from the baseline, 95% interval", "likewise")
    return [
        (names.title(metric), note, lambda _, __, record, metric=metric: _metric(record, metric))  # type: ignore[misc]
        for metric, note in zip(metrics, notes, strict=True)
    ]


def _registered(inputs: ReportInputs, role: Role, record: CandidateRecord) -> Cell:
    found = record.energy
    return (
        Cell(ratio(found.registered.ratio), f"{span(*found.registered.ci95)}, {found.meter.tier}")
        if found
        else Cell(MISSING, tone="quiet")
    )


def _strongest(inputs: ReportInputs, role: Role, record: CandidateRecord) -> Cell:
    found = record.energy
    return (
        Cell(ratio(found.strongest.ratio), f"{span(*found.strongest.ci95)}, {found.meter.tier}")
        if found
        else Cell(MISSING, tone="quiet")
    )


def _latency(inputs: ReportInputs, role: Role, record: CandidateRecord) -> Cell:
    arm = find_arm(record.energy, record.energy.registered.arm) if record.energy else None
    return Cell(milliseconds(arm.latency_p95_ms)) if arm else Cell(MISSING, tone="quiet")


def _size(inputs: ReportInputs, role: Role, record: CandidateRecord) -> Cell:
    return Cell(size(record.manifest.bytes))


def _parameters(inputs: ReportInputs, role: Role, record: CandidateRecord) -> Cell:
    return Cell(parameters(record.manifest.parameters))


def _form(inputs: ReportInputs, role: Role, record: CandidateRecord) -> Cell:
    return Cell(names.form(record.manifest.runtime, record.manifest.precision))


_Form = Callable[[ReportInputs, Role, CandidateRecord], Cell]
_ROWS: tuple[tuple[str, str, _Form], ...] = (
    ("Gate", "", _gate),
    ("Energy ratio", "against the baseline as registered", _registered),
    ("Energy ratio", "against its strongest unoptimized form", _strongest),
    ("Latency, 95th percentile", "batch 1", _latency),
    ("Size on disk", "", _size),
    ("Parameters", "", _parameters),
    ("Served as", "runtime and precision", _form),
)
