"""Slices of the evaluation rows: where the candidate loses, and how sure that is."""

from collections import Counter

from leanstage.contracts import Evaluation, Judgement, ModelPolicy, SliceJudgement
from leanstage.report import names
from leanstage.report.document import Cell, Column, Row, Table
from leanstage.report.figures import (
    MISSING,
    chance,
    count,
    excerpt,
    level,
    limit,
    percent,
    points,
)
from leanstage.report.inputs import ReportInputs

_SHOWN = 12


def slices_table(inputs: ReportInputs, evaluation: Evaluation) -> Table | None:
    """The slices that were judged, worst first; None where there are none."""
    judgement = inputs.judgement(inputs.subject)
    if judgement is None or not judgement.slices:
        return None
    slices = sorted(judgement.slices, key=lambda one: (one.state != "harmed", -one.drop))
    shares = _shares(evaluation)
    return Table(
        "Accuracy by slice of the evaluation rows",
        (
            Column("Slice"),
            Column("Outcome"),
            Column("Rows", "number"),
            Column("Accuracy", "number"),
            Column("Change, points", "number"),
            Column("Bound, points", "number"),
            Column("p, adjusted", "number"),
        ),
        tuple(_row(one, shares) for one in slices[:_SHOWN]),
        _note(inputs.policy, slices),
    )


def judged_by_class(judgement: Judgement | None) -> bool:
    """Whether every class is a slice that was judged, so that its recall stands among these."""
    return judgement is not None and any(one.column == "label" for one in judgement.slices)


def _row(one: SliceJudgement, shares: dict[tuple[str, str], str]) -> Row:
    words, tone = names.SLICE[one.state]
    return (
        Cell(excerpt(names.slice_of(one.column, one.value), 60)),
        Cell(words, tone=tone),
        Cell(count(one.n)),
        Cell(shares.get((one.column, one.value), MISSING)),
        Cell(points(-one.drop)),
        Cell(points(-one.drop_bound)),
        Cell(chance(one.p_adjusted)),
    )


def _shares(evaluation: Evaluation) -> dict[tuple[str, str], str]:
    """Accuracy of both models by slice: ``94.1% → 88.0%``."""
    shares = {}
    for part in evaluation.slices:
        counts = part.counts
        if counts.n:
            before = (counts.both_right + counts.baseline_only) / counts.n
            after = (counts.both_right + counts.candidate_only) / counts.n
            shares[part.column, part.value] = f"{percent(before)} → {percent(after)}"
    return shares


def _note(policy: ModelPolicy, slices: list[SliceJudgement]) -> str:
    number, error = count(len(slices)), 1.0 - policy.confidence
    rest = Counter(one.state for one in slices[_SHOWN:])
    words = [
        f"{count(rest[state])} {word[0].lower()}{word[1:]}"
        for state, (word, _) in names.SLICE.items()
        if rest[state]
    ]
    more = f" {count(rest.total())} more: {', '.join(words)}." if words else ""
    return (
        f"Limit: {limit(policy.slice_tolerance)} lost in any slice. Only harm that is shown "
        f"blocks, by a p below {error:.2g}; p is adjusted for the number of slices, {number} "
        f"(Holm). Bound: one-sided, its error of {level(error)} divided over all {number}.{more}"
    )
