"""Further figures on the evaluation rows: macro F1, McNemar's test, the champion."""

from leanstage.contracts import Evaluation, Role
from leanstage.report.document import Cell, Facts
from leanstage.report.figures import chance, level, percent, point_span, points, sample
from leanstage.report.inputs import ReportInputs
from leanstage.report.metrics import compared
from leanstage.report.sections.champion import champion_fact

_LEVEL = 0.05
"""Of McNemar's test, which decides nothing."""


def further_facts(inputs: ReportInputs, role: Role, evaluation: Evaluation) -> Facts:
    """What else the answers of ``role`` show."""
    p, macro_f1 = chance(evaluation.mcnemar_p), compared(evaluation, "macro_f1")
    differ = "differ" if evaluation.mcnemar_p < _LEVEL else "are not shown to differ"
    return Facts(
        f"Further figures on these rows, {sample(evaluation.n)}",
        (
            (
                "Macro F1",
                Cell(
                    f"{points(macro_f1.difference)} points",
                    f"{percent(macro_f1.baseline)} → {percent(macro_f1.candidate)}; 95% interval "
                    f"{point_span(*macro_f1.ci95)}, {macro_f1.method}",
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
