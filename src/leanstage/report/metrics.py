"""A metric of both models on the same rows, in one form for all that can be judged."""

from dataclasses import dataclass

from leanstage.contracts import Evaluation, Interval, Metric


@dataclass(frozen=True)
class Compared:
    """Baseline and candidate by one metric.

    Attributes:
        difference: candidate minus baseline, with its 95% interval ``ci95``.
        method: where that interval comes from.
    """

    metric: Metric
    n: int
    baseline: float
    candidate: float
    difference: float
    ci95: Interval
    method: str


def compared(evaluation: Evaluation, metric: Metric) -> Compared:
    """The figures of an evaluation by one metric."""
    if metric == "accuracy":
        return Compared(
            metric,
            evaluation.n,
            evaluation.baseline,
            evaluation.candidate,
            evaluation.difference,
            evaluation.ci95,
            "Tango's, paired",
        )
    found = evaluation.macro_f1
    return Compared(
        metric,
        evaluation.n,
        found.baseline,
        found.candidate,
        found.difference,
        found.ci95,
        "bootstrapped, paired",
    )
