"""A metric of both models on the same rows, in one form for all that can be judged."""

from dataclasses import dataclass

from leanstage.contracts import Evaluation, Interval, Metric
from leanstage.report.figures import change, percent, point_span, points, ratio


@dataclass(frozen=True)
class Compared:
    """Baseline and candidate by one metric.

    Attributes:
        difference: candidate minus baseline, with its 95% interval ``ci95``; of perplexity by how
            much less the candidate's is, as a share of the baseline's, so that a loss is below zero
            under every metric.
        method: where that interval comes from.
    """

    metric: Metric
    n: int
    baseline: float
    candidate: float
    difference: float
    ci95: Interval
    method: str

    @property
    def values(self) -> tuple[str, str]:
        """Baseline and candidate in words."""
        form = ratio if self.metric == "perplexity" else percent
        return form(self.baseline), form(self.candidate)

    @property
    def change(self) -> str:
        """The difference in words: ``-0.31 points``, of perplexity ``+0.9%``."""
        if self.metric == "perplexity":
            return change(1.0 - self.difference)
        return f"{points(self.difference)} points"

    @property
    def span(self) -> str:
        """Its interval in words, in the same unit."""
        low, high = self.ci95
        if self.metric == "perplexity":
            return f"{change(1.0 - high)} to {change(1.0 - low)}"
        return point_span(low, high)


def metrics_of(evaluation: Evaluation) -> tuple[Metric, ...]:
    """What an evaluation has figures of."""
    return (evaluation.metric, "perplexity" if evaluation.perplexity else "macro_f1")


def compared(evaluation: Evaluation, metric: Metric) -> Compared:
    """The figures of an evaluation by one metric, or by its own where it does not have that one."""
    perplexity, macro_f1 = evaluation.perplexity, evaluation.macro_f1
    if metric == "perplexity" and perplexity is not None:
        low, high = perplexity.ci95
        return Compared(
            metric,
            evaluation.n,
            perplexity.baseline,
            perplexity.candidate,
            1.0 - perplexity.ratio,
            (1.0 - high, 1.0 - low),
            "bootstrapped, paired",
        )
    if metric != "macro_f1" or macro_f1 is None:
        return Compared(
            evaluation.metric,
            evaluation.n,
            evaluation.baseline,
            evaluation.candidate,
            evaluation.difference,
            evaluation.ci95,
            "Tango's, paired",
        )
    return Compared(
        metric,
        evaluation.n,
        macro_f1.baseline,
        macro_f1.candidate,
        macro_f1.difference,
        macro_f1.ci95,
        "bootstrapped, paired",
    )
