"""From the base model to this one."""

from leanstage.card.subject import Subject, hub_model, origin
from leanstage.contracts import StepResult
from leanstage.report import names
from leanstage.report.document import Cell, Column, Facts, Section, Table
from leanstage.report.figures import MISSING, count, excerpt, points, settings
from leanstage.report.lineage import step_results


def lineage_section(subject: Subject) -> Section:
    """Base model, data, and every step with its settings."""
    context, manifest = subject.context, subject.manifest
    source = context.source
    base = hub_model(context.pinned_model)
    taught = any(s.status == "applied" and s.technique != "quantize" for s in manifest.lineage)
    known = Facts(
        "Base model",
        (
            ("Model", Cell(f"{source.name}, version {source.version} in MLflow")),
            *([("On the Hugging Face hub", Cell(base))] if base else []),
            ("Taken from", Cell(origin(context.pinned_model), code=True)),
            ("Content digest", Cell(context.baseline_digest, code=True)),
            *([("Text that the steps learnt from", Cell(_data(subject)))] if taught else []),
        ),
    )
    results = step_results(subject.inputs.baseline, manifest)
    if not results:
        return Section(
            "lineage",
            "Lineage",
            "These are the bytes of the base model; no step was applied.",
            (known,),
        )
    table = Table(
        "Steps, in their order",
        (
            Column("Step"),
            Column("Outcome"),
            Column("Settings", "prose"),
            Column("Accuracy so far", "number"),
            Column("Why", "prose"),
        ),
        tuple(
            (
                Cell(names.TECHNIQUE[step.technique]),
                Cell(step.status.capitalize()),
                Cell(excerpt(settings(step.settings)) if step.status == "applied" else "none"),
                Cell(_validation(result)),
                Cell(step.reason),
            )
            for step, result in zip(manifest.lineage, results, strict=True)
        ),
        "Accuracy: on the validation split, against the base model.",
    )
    return Section(
        "lineage",
        "Lineage",
        "What was done to the base model. A step that was not applied was considered all the same.",
        (known, table),
    )


def _data(subject: Subject) -> str:
    proposal = subject.context.proposal
    if proposal is not None:
        return f"known to whoever made it, in MLflow run {proposal}"
    train, more = subject.context.train, subject.context.unlabelled
    rows = f"{count(train.n)} labelled rows of {origin(train.source)}"
    return f"{rows}, and {count(more.n)} rows without labels" if more.n else rows


def _validation(result: StepResult) -> str:
    figures = result.validation
    if result.status != "applied":
        return "unchanged"
    return MISSING if figures is None else f"{points(-figures.accuracy_drop)} points"
