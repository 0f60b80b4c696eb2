"""Is a slice of the rows harmed? Tests that hold on a handful of rows and over many slices."""

from collections.abc import Sequence

from leanstage.contracts import PairedCounts
from leanstage.variant.statistics import score_p_value


def exact_harm_p(counts: PairedCounts) -> float:
    """One-sided p-value of the exact conditional McNemar test: is the candidate less accurate?

    Given the number of discordant rows, those that only the baseline gets right are binomial with
    probability one half if both models are equally accurate (McNemar 1947, Psychometrika 12).

    Returns:
        The p-value; 1 where no row is discordant.
    """
    from scipy.stats import binom

    discordant = counts.baseline_only + counts.candidate_only
    return float(binom.sf(counts.baseline_only - 1, discordant, 0.5))


def harm_p_value(counts: PairedCounts, tolerance: float) -> float:
    """p-value for harm: is the true accuracy drop larger than ``tolerance``? Small where it is.

    The larger of :func:`score_p_value` and :func:`exact_harm_p`. On a handful of rows the score
    test alone finds harm too easily: three rows, all lost, give 0.05 at a tolerance of 0.05, where
    chance alone does as much in one case of seven. Both must find harm, so that fewer than five
    lost rows never do at an error level of 0.05.

    Args:
        counts: the paired answers, at least one row.
        tolerance: largest drop that is no harm, in [0, 1].

    Raises:
        ValueError: no rows, or a tolerance out of range.
    """
    if not 0.0 <= tolerance <= 1.0:
        raise ValueError(f"a tolerance lies between 0 and 1, not at {tolerance}")
    return max(score_p_value(counts, tolerance), exact_harm_p(counts))


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values adjusted for their number, in the order given (Holm 1979).

    Scandinavian Journal of Statistics 6, 65-70. Rejecting where the adjusted value is at most a
    level errs anywhere with at most that probability, however the tests depend on each other.
    """
    ranked = sorted(range(len(p_values)), key=lambda position: p_values[position])
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, position in enumerate(ranked):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[position]))
        adjusted[position] = largest
    return adjusted
