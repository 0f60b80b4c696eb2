"""Further figures on the evaluation rows: macro F1, McNemar's test, the champion."""

from leanstage.contracts import Evaluation, Role
from leanstage.report import names
from leanstage.report.document import Cell, Facts
from leanstage.report.figures import chance, count, level, sample
from leanstage.report.inputs import ReportInputs
from leanstage.report.metrics import compared, metrics_of
from leanstage.report.sections.champion import champion_fact

_LEVEL = 0.05
"""Of McNemar's test, which decides nothing."""


def further_facts(inputs: ReportInputs, role: Role, evaluation: Evaluation) -> Facts:
    """What else the answers of ``role`` show."""
    p, other = chance(evaluation.mcnemar_p), compared(evaluation, metrics_of(evaluation)[1])
    over = f" over {count(evaluation.perplexity.tokens)} tokens" if evaluation.perplexity else ""
    differ = "differ" if evaluation.mcnemar_p < _LEVEL else "are not shown to differ"
    return Facts(
        f"Further figures on these rows, {sample(evaluation.n)}",
        (
            (
                names.title(other.metric),
                Cell(
                    other.change,
                    f"{' → '.join(other.values)}{over}; 95% interval {other.span}, {other.method}",
                ),
            ),
            (
                "McNemar's exact test",
                Cell(
                    f"p {p}" if p.startswith("<") else f"p = {p}",
                    f"at the {level(_LEVEL)} level the two models' accuracies {differ}",
                ),
            ),
            champion_fact(inputs, role),
        ),
    )
