"""The waterfall over the techniques: what each did, why, and what it tried."""

from dataclasses import dataclass

from leanstage.contracts import Role, Step, VariantManifest
from leanstage.report import charts, names
from leanstage.report.document import Block, Cell, Chart, Column, Section, Table
from leanstage.report.figures import (
    parameters,
    seconds,
    shown,
    size,
)
from leanstage.report.inputs import CandidateRecord, ReportInputs
from leanstage.report.sections.trials import UNKNOWN, kept, step_group


@dataclass(frozen=True)
class Stage:
    """The model after one step; figures are None where the lineage does not hold them."""

    step: Step
    parameters: int | None
    bytes: int | None


def stages(baseline: VariantManifest, variant: VariantManifest) -> tuple[Stage, ...]:
    """The model after each step of its lineage.

    An applied step takes its figures from the trial it kept; the last one that changed the model
    from the manifest itself. A step that was skipped or rejected changes nothing.
    """
    applied = [i for i, step in enumerate(variant.lineage) if step.status == "applied"]
    last = applied[-1] if applied else len(variant.lineage)
    found: list[Stage] = []
    held: tuple[int | None, int | None] = (baseline.parameters, baseline.bytes)
    for index, step in enumerate(variant.lineage):
        if index == last:
            held = (variant.parameters, variant.bytes)
        elif step.status == "applied":
            trial = kept(step)
            held = (trial.parameters, trial.bytes) if trial else (None, None)
        found.append(Stage(step, *held))
    return tuple(found)


def steps_section(inputs: ReportInputs) -> Section:
    """The steps that made the candidate the report is about."""
    role = inputs.subject
    record = inputs.record(role)
    if role is None or record is None:
        return Section("steps", "Steps", "No candidate was made.")
    lead = (
        f"What each technique did to the {names.ROLE[role].lower()}. A technique that was not "
        "applied was still considered, and says why."
        if record.manifest.lineage
        else "The lineage of this candidate records no step."
    )
    return Section("steps", "Steps", lead, step_blocks(inputs, role, record, "steps"))


def step_blocks(
    inputs: ReportInputs, role: Role, record: CandidateRecord, anchor: str
) -> tuple[Block, ...]:
    """Chart, overview and trials of one candidate; empty where its lineage is."""
    found = stages(inputs.baseline, record.manifest)
    if not found:
        return ()
    return (
        _waterfall(inputs, found, anchor, "parameters"),
        _waterfall(inputs, found, anchor, "bytes"),
        overview(found, f"Steps of the {names.ROLE[role].lower()}"),
        *(step_group(stage.step) for stage in found),
    )


def overview(found: tuple[Stage, ...], caption: str) -> Table:
    """One row per step."""
    return Table(
        caption,
        (
            Column("Step"),
            Column("Outcome"),
            Column("Parameters after", "number"),
            Column("Size after", "number"),
            Column("Time", "number"),
            Column("Why", "prose"),
        ),
        tuple(
            (
                Cell(names.TECHNIQUE[stage.step.technique]),
                Cell(stage.step.status.capitalize(), tone=names.STATUS_TONE[stage.step.status]),
                Cell(shown(stage.parameters, parameters, UNKNOWN)),
                Cell(shown(stage.bytes, size, UNKNOWN)),
                Cell(seconds(stage.step.seconds)),
                Cell(stage.step.reason),
            )
            for stage in found
        ),
    )


def _waterfall(inputs: ReportInputs, found: tuple[Stage, ...], anchor: str, figure: str) -> Chart:
    by_parameters = figure == "parameters"
    form = parameters if by_parameters else size
    start = inputs.baseline.parameters if by_parameters else inputs.baseline.bytes
    items = [charts.Bar("Baseline", start, form(start), "baseline")]
    for stage in found:
        value = stage.parameters if by_parameters else stage.bytes
        items.append(
            charts.Bar(
                f"{names.TECHNIQUE[stage.step.technique]}: {stage.step.status}",
                value,
                shown(value, form, UNKNOWN),
                "candidate" if stage.step.status == "applied" else "other",
            )
        )
    title = "Parameters after each step" if by_parameters else "Size on disk after each step"
    words = "; ".join(f"{item.label}: {item.figure}" for item in items)
    return Chart(
        charts.bars(f"{anchor}-{figure}", title, f"{words}.", items),
        title,
        "From the manifests and the trials on record. Pale bars: the step changed nothing.",
        half=True,
    )
