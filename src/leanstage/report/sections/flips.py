"""Answers that changed: examples, and how many there are."""

from leanstage.contracts import Evaluation, Flip
from leanstage.report.document import Cell, Column, Table, Text
from leanstage.report.figures import count, excerpt

_EXAMPLES = 10


def flips_table(evaluation: Evaluation) -> Table | Text:
    """The first rows that the two models answer differently."""
    changed = round((1.0 - evaluation.agreement) * evaluation.n)
    total = count(evaluation.n)
    if not evaluation.flips:
        words = "No row is" if changed == 0 else f"{count(changed)} of {total} rows are"
        return Text(f"{words} answered differently by the two models (n = {total}).")
    examples = evaluation.flips[:_EXAMPLES]
    return Table(
        "Answers that changed, examples",
        (
            Column("Row", "number"),
            Column("Text", "prose"),
            Column("True label"),
            Column("Baseline says"),
            Column("Candidate says"),
            Column("Outcome"),
        ),
        tuple(
            (
                Cell(count(flip.row)),
                Cell(excerpt(flip.text)),
                Cell(flip.label),
                Cell(flip.baseline),
                Cell(flip.candidate),
                _outcome(flip),
            )
            for flip in examples
        ),
        f"{count(changed)} of {total} rows are answered differently; "
        f"the first {count(len(examples))} are shown.",
    )


def _outcome(flip: Flip) -> Cell:
    if flip.candidate == flip.label:
        return Cell("Won", tone="good")
    if flip.baseline == flip.label:
        return Cell("Lost", tone="bad")
    return Cell("Wrong both ways", tone="quiet")
