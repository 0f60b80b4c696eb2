"""What a technique tried, with the figures of each trial on the validation split."""

from leanstage.contracts import Step, Trial, ValidationFigures
from leanstage.report import names
from leanstage.report.document import Block, Cell, Column, Group, Table, Text
from leanstage.report.figures import (
    count,
    milliseconds,
    parameters,
    percent,
    points,
    sample,
    settings,
    shown,
    significant,
    size,
)

UNKNOWN = "not recorded"


def step_group(step: Step, first: int) -> Group:
    """One step: its reason and its trials, numbered from ``first``."""
    blocks: list[Block] = [Text(step.reason)]
    if step.trials:
        blocks.append(_trials(step, first))
    else:
        blocks.append(Text("No trial was run.", tone="quiet"))
    return Group(
        names.TECHNIQUE[step.technique],
        step.status.capitalize(),
        names.STATUS_TONE[step.status],
        tuple(blocks),
    )


def _trials(step: Step, first: int) -> Table:
    return Table(
        f"{names.TECHNIQUE[step.technique]}: what was tried",
        (
            Column("No.", "number"),
            Column("Settings", "prose"),
            Column("Outcome and reason", "prose"),
            Column("Accuracy", "number"),
            Column("Accuracy drop", "number"),
            Column("Probability drop", "number"),
            Column("CPU per answer", "number"),
            Column("Parameters", "number"),
        ),
        tuple(
            _trial(trial, trial is step.kept, number)
            for number, trial in enumerate(step.trials, first)
        ),
        "On the validation split; drops in percentage points. Probability drop: mean loss in the "
        "probability of the true class, with its standard error. CPU: as this step timed its "
        "input and its trials; each step has batches of its own.",
    )


def _trial(trial: Trial, chosen: bool, number: int) -> tuple[Cell, ...]:
    outcome = "Fits, kept" if chosen else "Fits" if trial.fits else "Does not fit"
    return (
        Cell(count(number)),
        Cell(settings(trial.settings)),
        Cell(outcome, trial.reason, "good" if trial.fits else "warn"),
        *_validation(trial.validation),
        Cell(shown(trial.cpu_ms_per_answer, milliseconds)),
        Cell(
            shown(trial.parameters, parameters, UNKNOWN),
            "" if trial.bytes is None else size(trial.bytes),
        ),
    )


def _validation(figures: ValidationFigures | None) -> tuple[Cell, Cell, Cell]:
    if figures is None:
        gap = Cell("\N{EN DASH}", tone="quiet")
        return Cell("not evaluated", tone="quiet"), gap, gap
    return (
        Cell(
            percent(figures.accuracy),
            f"from {percent(figures.reference_accuracy)}, {sample(figures.n)}",
        ),
        Cell(points(figures.accuracy_drop).lstrip("+")),
        Cell(
            points(figures.probability_drop).lstrip("+"),
            f"± {significant(figures.probability_drop_se * 100, 2)}",
        ),
    )
