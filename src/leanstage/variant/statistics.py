"""Statistics of two models' answers to the same rows."""

import math
from statistics import NormalDist
from typing import TYPE_CHECKING

from leanstage.contracts import PairedCounts

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def paired_counts(
    labels: "ArrayLike", baseline: "ArrayLike", candidate: "ArrayLike"
) -> PairedCounts:
    """Count right and wrong answers of both models, row by row.

    Args:
        labels: true class indices, shape (rows,).
        baseline: class indices that the baseline answers, shape (rows,).
        candidate: class indices that the candidate answers, shape (rows,).

    Raises:
        ValueError: no rows, or shapes that differ or are not one-dimensional.
    """
    import numpy as np

    truth, first, second = (np.asarray(values) for values in (labels, baseline, candidate))
    if truth.ndim != 1 or truth.size == 0 or not truth.shape == first.shape == second.shape:
        raise ValueError(
            "labels and answers must be one-dimensional, equally long and not empty; their shapes "
            f"are {truth.shape}, {first.shape} and {second.shape}"
        )
    right, also_right = first == truth, second == truth
    return PairedCounts(
        both_right=int((right & also_right).sum()),
        baseline_only=int((right & ~also_right).sum()),
        candidate_only=int((~right & also_right).sum()),
        both_wrong=int((~right & ~also_right).sum()),
    )


def tango_interval(counts: PairedCounts, confidence: float) -> tuple[float, float]:
    """Two-sided score interval for the accuracy of the candidate minus that of the baseline.

    Tango (1998), Statistics in Medicine 17, 891-908: the differences that a score test at level
    1 - ``confidence`` does not reject. It has a width even where no row is discordant.

    Args:
        counts: the paired answers, at least one row.
        confidence: coverage asked for, in (0, 1).

    Raises:
        ValueError: no rows, or a confidence outside (0, 1).
    """
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"a confidence lies between 0 and 1, not at {confidence}")
    z = NormalDist().inv_cdf((1.0 + confidence) / 2.0)
    lost, gained, n = counts.baseline_only, counts.candidate_only, counts.n
    return -_largest_drop(lost, gained, n, z), _largest_drop(gained, lost, n, z)


def tango_upper_drop(counts: PairedCounts, confidence: float) -> float:
    """One-sided upper score bound of the accuracy drop, baseline minus candidate (Tango 1998).

    Raises:
        ValueError: no rows, or a confidence outside (0.5, 1).
    """
    z = _one_sided_z(confidence)
    return _largest_drop(counts.baseline_only, counts.candidate_only, counts.n, z)


def expected_upper_drop(n: int, *, discordant: float, drop: float, confidence: float) -> float:
    """What :func:`tango_upper_drop` would find on ``n`` rows on which the rates are these.

    Args:
        discordant: share of the rows on which one of the two models alone is right, in [0, 1].
        drop: of the accuracy, baseline minus candidate; at most ``discordant`` either way, and
            taken as that where it is more.
        confidence: one-sided, in (0.5, 1).

    Raises:
        ValueError: no rows, or a confidence outside (0.5, 1).
    """
    drop = max(-discordant, min(drop, discordant))
    lost, gained = n * (discordant + drop) / 2.0, n * (discordant - drop) / 2.0
    return _largest_drop(lost, gained, n, _one_sided_z(confidence))


def mcnemar_exact(counts: PairedCounts) -> float:
    """Two-sided p-value of the exact conditional McNemar test; 1 where no row is discordant.

    Given the number of discordant rows, those that only the baseline gets right are binomial with
    probability one half if both models are equally accurate (McNemar 1947, Psychometrika 12).
    """
    from scipy.stats import binom

    discordant = counts.baseline_only + counts.candidate_only
    fewer = min(counts.baseline_only, counts.candidate_only)
    return min(1.0, 2.0 * float(binom.cdf(fewer, discordant, 0.5)))


def score_p_value(counts: PairedCounts, drop: float) -> float:
    """One-sided p-value of Tango's score test: is the true accuracy drop larger than ``drop``?

    Small where it is. The test that :func:`tango_interval` inverts (Tango 1998): the observed drop
    is held against its standard error if the true one were ``drop``. As a normal approximation it
    rejects too easily on a handful of rows.

    Args:
        counts: the paired answers, at least one row.
        drop: largest drop under the null hypothesis, in [-1, 1].

    Raises:
        ValueError: no rows, or a drop out of range.
    """
    if not -1.0 <= drop <= 1.0:
        raise ValueError(f"a drop lies between -1 and 1, not at {drop}")
    lost, gained, n = counts.baseline_only, counts.candidate_only, counts.n
    _require_rows(n)
    excess = lost - gained - n * drop
    if excess == 0.0:
        return 0.5
    spread = math.sqrt(n * _variance(lost, gained, n, drop))
    if spread == 0.0:
        return 0.0 if excess > 0.0 else 1.0
    return 0.5 * math.erfc(excess / (spread * math.sqrt(2.0)))


def rows_needed(counts: PairedCounts, margin: float, confidence: float) -> int | None:
    """Rows at which the same rates would bring :func:`tango_upper_drop` within ``margin``.

    The score statistic at a given drop grows with the square root of the rows while the rates
    stand still, so the number of rows follows without a search.

    Args:
        counts: the paired answers, at least one row; only their rates matter.
        margin: largest accepted bound of the drop, in [0, 1].
        confidence: one-sided, in (0.5, 1).

    Returns:
        The number of rows, which may be fewer than there are; None where the drop itself is at
        least the margin, so that more rows would not help.

    Raises:
        ValueError: no rows, or a margin or confidence out of range.
    """
    z = _one_sided_z(confidence)
    if not 0.0 <= margin <= 1.0:
        raise ValueError(f"a margin lies between 0 and 1, not at {margin}")
    lost, gained, n = counts.baseline_only, counts.candidate_only, counts.n
    _require_rows(n)
    room = margin - counts.drop
    if room <= 0.0:
        return None
    return max(1, math.ceil(z * z * _variance(lost, gained, n, margin) / (room * room)))


def _one_sided_z(confidence: float) -> float:
    if not 0.5 < confidence < 1.0:
        raise ValueError(f"a one-sided confidence lies between 0.5 and 1, not at {confidence}")
    return NormalDist().inv_cdf(confidence)


def _require_rows(n: int) -> None:
    if n < 1:
        raise ValueError("paired statistics need at least one row")


def _largest_drop(lost: float, gained: float, n: int, z: float) -> float:
    """The largest drop whose score statistic is at least -z, by bisection.

    The statistic falls with the drop, is 0 at the observed one and lowest at 1. Only points inside
    the bracket are looked at: at its lower end the variance, and with it the statistic, can be
    0 / 0 although larger drops are not rejected (no discordant rows, or all in one direction).
    """
    _require_rows(n)
    low, high = (lost - gained) / n, 1.0
    while low < (middle := low + (high - low) / 2) < high:
        spread = z * math.sqrt(n * _variance(lost, gained, n, middle))
        if lost - gained - n * middle + spread >= 0.0:
            low = middle
        else:
            high = middle
    return high


def _variance(lost: float, gained: float, n: int, drop: float) -> float:
    """Variance of one row's loss if the drop is ``drop``, the share of gained rows at its MLE.

    The share maximises the likelihood under p(lost) = p(gained) + drop: the larger root of
    2n x^2 + linear x - gained drop (1 - drop) = 0 (Tango 1998), written so that no
    digits cancel and kept where both shares are probabilities.
    """
    linear = (2 * n - lost + gained) * drop - lost - gained
    product = gained * drop * (1.0 - drop)
    root = math.sqrt(max(0.0, linear * linear + 8.0 * n * product))
    share = (root - linear) / (4.0 * n) if linear <= 0.0 else 2.0 * product / (linear + root)
    share = min(max(share, 0.0, -drop), (1.0 - drop) / 2.0)
    return max(0.0, 2.0 * share + drop * (1.0 - drop))
