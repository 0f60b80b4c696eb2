"""What a technique tried, with the figures of each trial on the validation split."""

from collections.abc import Sequence

from leanstage.contracts import Step, Trial, TriedSetting, ValidationFigures
from leanstage.report import names
from leanstage.report.charts_tried import Kind
from leanstage.report.document import Block, Cell, Column, Group, Table, Text, Tone
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

OUTCOME: dict[Kind, str] = {
    "kept": "fits, kept",
    "fits": "fits, not kept",
    "misses": "does not fit",
    "unasked": "not evaluated",
}
_TONE: dict[Kind, Tone] = {"kept": "good", "fits": "good", "misses": "warn", "unasked": "warn"}


def kind_of(one: TriedSetting) -> Kind:
    """What became of a setting."""
    if one.kept:
        return "kept"
    if one.probability_drop is None:
        return "unasked"
    return "fits" if one.fits else "misses"


def step_group(step: Step, first: int, tried: Sequence[TriedSetting]) -> Group:
    """One step: its reason and its trials, numbered from ``first``."""
    blocks: list[Block] = [Text(step.reason)]
    if step.trials:
        blocks.append(_trials(step, first, tried))
    else:
        blocks.append(Text("No trial was run.", tone="quiet"))
    return Group(
        names.TECHNIQUE[step.technique],
        step.status.capitalize(),
        names.STATUS_TONE[step.status],
        tuple(blocks),
    )


def _trials(step: Step, first: int, tried: Sequence[TriedSetting]) -> Table:
    return Table(
        f"{names.TECHNIQUE[step.technique]}: what was tried",
        (
            Column("No.", "number"),
            Column("Settings", "prose"),
            Column("Outcome and reason", "prose"),
            Column("Accuracy", "number"),
            Column("Accuracy drop", "number"),
            Column("Probability drop", "number"),
            Column("Time per answer", "number"),
            Column("Parameters", "number"),
        ),
        tuple(
            _trial(trial, one, number)
            for number, (trial, one) in enumerate(zip(step.trials, tried, strict=True), first)
        ),
        "On the validation split; drops in percentage points. Probability drop: mean loss in the "
        "probability of the true class, with its standard error, and the most that is allowed. "
        "Time: of all processor threads, on a GPU wall time; each step timed its input and its "
        "trials on batches of its own, and shares of the baseline's are products over the steps.",
    )


def _trial(trial: Trial, one: TriedSetting, number: int) -> tuple[Cell, ...]:
    kind = kind_of(one)
    return (
        Cell(count(number)),
        Cell(settings(trial.settings)),
        Cell(OUTCOME[kind].capitalize(), trial.reason, _TONE[kind]),
        *_validation(trial.validation, one.limit),
        Cell(
            shown(trial.ms_per_answer, milliseconds),
            "" if one.cost is None else f"{percent(one.cost)} of the baseline's",
        ),
        Cell(
            shown(trial.parameters, parameters, UNKNOWN),
            "" if trial.bytes is None else size(trial.bytes),
        ),
    )


def _validation(figures: ValidationFigures | None, limit: float | None) -> tuple[Cell, Cell, Cell]:
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
            f"± {significant(figures.probability_drop_se * 100, 2)}"
            + ("" if limit is None else f", limit {points(limit).lstrip('+')}"),
        ),
    )
