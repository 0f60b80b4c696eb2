"""The waterfall over the techniques: what each took away, and what it cost in accuracy."""

from leanstage.contracts import Step, StepResult, VariantManifest
from leanstage.report import charts, charts_steps, names
from leanstage.report.charts_steps import Fall
from leanstage.report.document import Cell, Chart, Column, Row, Section, Table
from leanstage.report.figures import (
    MISSING,
    change,
    parameters,
    percent,
    points,
    sample,
    seconds,
    share_change,
    shown,
    size,
)
from leanstage.report.inputs import CandidateRecord, ReportInputs
from leanstage.report.lineage import step_results
from leanstage.report.sections.trials import UNKNOWN


def steps_section(inputs: ReportInputs) -> Section:
    """The steps that made the candidate the report is about."""
    role = inputs.subject
    record = inputs.record(role)
    if role is None or record is None:
        return Section("steps", "Steps", "No candidate was made.")
    found = step_results(inputs.baseline, record.manifest)
    if not found:
        return Section("steps", "Steps", "The lineage of this candidate records no step.")
    return Section(
        "steps",
        "Steps",
        f"From the baseline to the {names.ROLE[role].lower()}, step by step. A technique that was "
        "not applied was still considered, and says why.",
        (
            _waterfall(found, record),
            _sizes(inputs, found, "parameters"),
            _sizes(inputs, found, "bytes"),
            overview(inputs.baseline, record.manifest, f"Steps of the {names.ROLE[role].lower()}"),
        ),
    )


def overview(baseline: VariantManifest, variant: VariantManifest, caption: str) -> Table:
    """One row per step."""
    found = step_results(baseline, variant)
    before = (1.0, *(result.cost for result in found))
    rows = ", ".join(dict.fromkeys(sample(r.validation.n) for r in found if r.validation))
    return Table(
        caption,
        (
            Column("Step"),
            Column("Outcome"),
            Column("Processor time", "number"),
            Column("Accuracy", "number"),
            Column("Size after", "number"),
            Column("Took", "number"),
            Column("Why", "prose"),
        ),
        tuple(
            _row(step, result, cost)
            for step, result, cost in zip(variant.lineage, found, before, strict=False)
        ),
        "Processor time per answer: of this step's output against its input, then against the "
        f"baseline. Accuracy: on the validation split{f' ({rows})' if rows else ''}, against the "
        "baseline.",
    )


def _row(step: Step, result: StepResult, before: float | None) -> Row:
    return (
        Cell(names.TECHNIQUE[step.technique]),
        Cell(step.status.capitalize(), tone=names.STATUS_TONE[step.status]),
        _cost(result, before),
        _accuracy(result),
        Cell(
            shown(result.bytes, size, UNKNOWN),
            "" if result.parameters is None else f"{parameters(result.parameters)} parameters",
        ),
        Cell(seconds(step.seconds)),
        Cell(step.reason),
    )


def _cost(result: StepResult, before: float | None) -> Cell:
    if result.status != "applied":
        return Cell("unchanged", tone="quiet")
    if result.cost is None or before is None:
        return Cell(MISSING, tone="quiet")
    return Cell(change(result.cost / before), f"{percent(result.cost)} of the baseline's")


def _accuracy(result: StepResult) -> Cell:
    if result.status != "applied":
        return Cell("unchanged", tone="quiet")
    if result.validation is None:
        return Cell(MISSING, tone="quiet")
    figures = result.validation
    return Cell(
        f"{points(-figures.accuracy_drop)} points",
        f"{percent(figures.reference_accuracy)} → {percent(figures.accuracy)}",
    )


def _waterfall(found: tuple[StepResult, ...], record: CandidateRecord) -> Chart:
    falls = [Fall("Baseline", 0.0, 1.0, "100%", "baseline")]
    before: float | None = 1.0
    for result in found:
        falls.append(_fall(result, before))
        before = result.cost
    falls.append(Fall("Candidate", 0.0, before, shown(before, percent), "candidate"))
    measured = ""
    if record.energy is not None:
        ratio = record.energy.registered.ratio
        measured = (
            " Energy per answer, measured from end to end in the form that serves: "
            f"{percent(ratio)} of the baseline as registered ({record.energy.meter.tier})."
        )
    words = "; ".join(f"{fall.label}: {fall.figure}" for fall in falls)
    title = "Processor time per answer over the steps"
    return Chart(
        charts_steps.waterfall("steps-cost", title, f"{words}.", falls),
        f"{title}, share of the baseline's",
        "What each step took away or added, in hundredths of the baseline's, as the step itself "
        "timed its output against its input. In brackets: accuracy so far on the validation "
        "split, against the baseline."
        f"{measured}",
    )


def _fall(result: StepResult, before: float | None) -> Fall:
    label = f"{names.TECHNIQUE[result.technique]}: {result.status}"
    if result.status != "applied":
        return Fall(label, before, before, "unchanged", "other")
    if result.cost is None or before is None:
        return Fall(label, None, None, MISSING, "other")
    figures = result.validation
    kept = f"accuracy {points(-figures.accuracy_drop)} points" if figures else ""
    series: charts.Series = "reference" if result.cost < before else "other"
    return Fall(label, before, result.cost, share_change(result.cost - before), series, kept)


def _sizes(inputs: ReportInputs, found: tuple[StepResult, ...], figure: str) -> Chart:
    by_parameters = figure == "parameters"
    form = parameters if by_parameters else size
    start = inputs.baseline.parameters if by_parameters else inputs.baseline.bytes
    items = [charts.Bar("Baseline", start, form(start), "baseline")]
    for result in found:
        value = result.parameters if by_parameters else result.bytes
        items.append(
            charts.Bar(
                f"{names.TECHNIQUE[result.technique]}: {result.status}",
                value,
                shown(value, form, UNKNOWN),
                "candidate" if result.status == "applied" else "other",
            )
        )
    title = "Parameters after each step" if by_parameters else "Size on disk after each step"
    words = "; ".join(f"{item.label}: {item.figure}" for item in items)
    return Chart(
        charts.bars(f"steps-{figure}", title, f"{words}.", items),
        title,
        "From the manifests and the trials on record. Pale bars: the step changed nothing.",
        half=True,
    )
