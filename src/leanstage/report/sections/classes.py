"""Figures by class: recall under both models, and the candidate's confusion matrix."""

from leanstage.contracts import ClassFigures, Evaluation
from leanstage.report.document import Cell, Column, Table, Tone
from leanstage.report.figures import count, percent, points, sample, shown

_RECALLS = 12
_MATRIX = 12
_CONFUSIONS = 12
_NOTABLE = 0.01
_HITS = (0.0, 0.5, 0.7, 0.85, 0.95)
_MISSES = (0.0, 0.02, 0.05, 0.1, 0.2)
SHORT = 8
"""Most classes whose recall fits beside the paired table."""


def recall_table(evaluation: Evaluation) -> Table | None:
    """Recall by class; of many classes, those that change most."""
    if not evaluation.classes:
        return None
    classes = evaluation.classes
    note = (
        "Recall: share of a class's rows that are answered with it. n is by class. "
        "Coloured: a change of a point or more."
    )
    if len(classes) > _RECALLS:
        classes = tuple(sorted(classes, key=_change)[:_RECALLS])
        note += f" Of {count(len(evaluation.classes))} classes, those that lose most are shown."
    rows = tuple(
        (
            Cell(figures.label),
            Cell(count(figures.n)),
            Cell(shown(figures.baseline_recall, percent, "no rows")),
            Cell(shown(figures.candidate_recall, percent, "no rows")),
            _changed(figures),
        )
        for figures in classes
    )
    return Table(
        "Recall by class",
        (
            Column("Class"),
            Column("n", "number"),
            Column("Baseline", "number"),
            Column("Candidate", "number"),
            Column("Change, points", "number"),
        ),
        rows,
        note,
        half=len(rows) <= SHORT,
    )


def confusion_table(evaluation: Evaluation, labels: tuple[str, ...]) -> Table | None:
    """The candidate's confusion matrix, or its most frequent confusions where it is large."""
    matrix = evaluation.confusion
    square = len(matrix) == len(labels) and all(len(row) == len(labels) for row in matrix)
    if not matrix or not square:
        return None
    if len(labels) > _MATRIX:
        return _confusions(evaluation, labels)
    rows = []
    for index, (label, answers) in enumerate(zip(labels, matrix, strict=True)):
        total = sum(answers)
        rows.append(
            (
                Cell(label),
                *(
                    Cell(
                        count(number),
                        tone=_tone(number, column == index),
                        shade=_shade(number, total, _HITS if column == index else _MISSES),
                    )
                    for column, number in enumerate(answers)
                ),
            )
        )
    return Table(
        "Confusion matrix of the candidate",
        (Column("True class"), *(Column(f"Says {label}", "tile") for label in labels)),
        tuple(rows),
        f"Rows are true classes, columns are answers, {sample(evaluation.n)}. "
        "Stronger colour: a larger share of its row.",
        detail=True,
    )


def _confusions(evaluation: Evaluation, labels: tuple[str, ...]) -> Table | None:
    pairs = [
        (number, truth, answer)
        for truth, row in enumerate(evaluation.confusion)
        for answer, number in enumerate(row)
        if number and truth != answer
    ]
    if not pairs:
        return None
    pairs.sort(key=lambda pair: (-pair[0], pair[1], pair[2]))
    totals = [sum(row) for row in evaluation.confusion]
    return Table(
        "Most frequent confusions of the candidate",
        (
            Column("True class"),
            Column("Candidate says"),
            Column("Rows", "number"),
            Column("Share of the class", "number"),
        ),
        tuple(
            (
                Cell(labels[truth]),
                Cell(labels[answer]),
                Cell(count(number)),
                Cell(percent(number / totals[truth])),
            )
            for number, truth, answer in pairs[:_CONFUSIONS]
        ),
        f"{sample(evaluation.n)}, {count(len(labels))} classes.",
        detail=True,
    )


def _change(figures: ClassFigures) -> float:
    if figures.baseline_recall is None or figures.candidate_recall is None:
        return 0.0
    return figures.candidate_recall - figures.baseline_recall


def _changed(figures: ClassFigures) -> Cell:
    if figures.baseline_recall is None or figures.candidate_recall is None:
        return Cell("no rows", tone="quiet")
    change = _change(figures)
    tone: Tone = "plain" if abs(change) < _NOTABLE else "good" if change > 0 else "bad"
    return Cell(points(change), tone=tone)


def _tone(number: int, hit: bool) -> Tone:
    return "plain" if number == 0 else "good" if hit else "bad"


def _shade(number: int, total: int, steps: tuple[float, ...]) -> int:
    """0 for none of its row, else the number of ``steps`` that its share reaches."""
    return sum(number / total >= step for step in steps) if number and total else 0
