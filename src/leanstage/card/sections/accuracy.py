"""How often the model is right, and what it lost against the baseline."""

from leanstage.card.subject import Subject
from leanstage.contracts import CardFacts
from leanstage.report import names
from leanstage.report.document import Cell, Column, Row, Section, Table
from leanstage.report.figures import count, percent, ratio
from leanstage.report.metrics import compared


def accuracy_section(subject: Subject, facts: CardFacts) -> Section:
    """Every metric of the model with an interval, and the loss against the baseline."""
    evaluation, figures = subject.evaluation, facts.metrics
    if evaluation is None or not figures:
        return Section("accuracy", "Accuracy", "No evaluation is on record.")
    rows: list[Row] = []
    for figure in figures:
        beside = compared(evaluation, figure.metric)
        form = ratio if figure.metric == "perplexity" else percent
        own = Cell("none of its own", tone="quiet")
        if figure.ci95:
            own = Cell(f"{percent(figure.ci95[0])} to {percent(figure.ci95[1])}")
        rows.append(
            (
                Cell(names.title(figure.metric)),
                Cell(form(figure.value)),
                own,
                Cell(form(beside.baseline)),
                Cell("is the baseline")
                if figure.difference is None
                else Cell(beside.change, f"{beside.span}; {beside.method}"),
            )
        )
    judged = subject.judgement
    note = "Intervals are at 95%: Wilson's of a share, and that of the difference on the same rows."
    if judged and judged.drop_bound is not None:
        note += f" The gate takes the loss to be {judged.drop_bound * 100:.2f} points at most."
    return Section(
        "accuracy",
        "Accuracy",
        f"On {count(evaluation.n)} rows of an evaluation split that was judged once, after every "
        "choice had been made on other rows. This model and the baseline answered the same rows.",
        (
            Table(
                "Evaluation",
                (
                    Column("Metric"),
                    Column("This model", "number"),
                    Column("95% interval", "number"),
                    Column("Baseline", "number"),
                    Column("Difference", "number"),
                ),
                tuple(rows),
                note,
            ),
        ),
    )
