"""Answers that changed: examples, and how many there are."""

from leanstage.contracts import Evaluation, Flip
from leanstage.report.document import Cell, Column, Table, Text
from leanstage.report.figures import count, ending, excerpt

_EXAMPLES = 10


def flips_table(evaluation: Evaluation) -> Table | Text:
    """The first rows that the two models answer differently."""
    changed = round((1.0 - evaluation.agreement) * evaluation.n)
    total = count(evaluation.n)
    if not evaluation.flips:
        words = "No row is" if changed == 0 else f"{count(changed)} of {total} rows are"
        return Text(f"{words} answered differently by the two models (n = {total}).")
    examples, written = evaluation.flips[:_EXAMPLES], evaluation.metric == "exact_match"
    return Table(
        "Answers that changed, examples",
        (
            Column("Row", "number"),
            Column("Prompt" if written else "Text", "prose"),
            Column("Reference" if written else "True label"),
            Column("Baseline writes" if written else "Baseline says"),
            Column("Candidate writes" if written else "Candidate says"),
            Column("Outcome"),
        ),
        tuple(
            (
                Cell(count(flip.row)),
                Cell(ending(flip.text) if written else excerpt(flip.text)),
                Cell(excerpt(flip.label)),
                Cell(excerpt(flip.baseline) or "nothing"),
                Cell(excerpt(flip.candidate) or "nothing"),
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
