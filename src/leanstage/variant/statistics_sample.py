"""Statistics of a sample without labels: agreement on it, and how well it can be told apart."""

import math
from statistics import NormalDist
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_TINY = 1e-12


def wilson_interval(successes: int, n: int, confidence: float) -> tuple[float, float]:
    """Two-sided score interval for a share.

    Wilson (1927), Journal of the American Statistical Association 22, 209-212. It has a width even
    where every row succeeds. Its lower end at 2c - 1 is the one-sided bound at c.

    Raises:
        ValueError: no rows, more successes than rows, or a confidence outside (0, 1).
    """
    if not 0 <= successes <= n or n == 0 or not 0.0 < confidence < 1.0:
        raise ValueError(f"no interval for {successes} of {n} rows at a confidence of {confidence}")
    z = NormalDist().inv_cdf((1.0 + confidence) / 2.0)
    share = successes / n
    centre = share + z * z / (2 * n)
    width = z * math.sqrt(share * (1.0 - share) / n + z * z / (4 * n * n))
    scale = 1.0 + z * z / n
    low = 0.0 if successes == 0 else (centre - width) / scale
    high = 1.0 if successes == n else (centre + width) / scale
    return low, high


def cross_validated_auc(
    scores: "NDArray[np.float64]", positive: "NDArray[np.bool_]", folds: "NDArray[np.int32]"
) -> float:
    """Mean over the folds of the area under the ROC curve, ties counting half.

    Scores of different folds come from different classifiers and are never compared.

    Args:
        scores: shape (rows,), higher where a row looks positive; and alike:
        positive: whether it is.
        folds: number of the fold that a row was held out in.

    Raises:
        ValueError: no rows, or a fold without rows of both kinds.
    """
    import numpy as np
    from scipy.stats import rankdata

    areas = []
    for fold in np.unique(folds):
        held = folds == fold
        truth = positive[held]
        ones, others = int(truth.sum()), int((~truth).sum())
        if not ones or not others:
            raise ValueError(f"fold {fold} holds rows of one kind only")
        ranks = float(rankdata(scores[held])[truth].sum())
        areas.append((ranks - ones * (ones + 1) / 2) / (ones * others))
    if not areas:
        raise ValueError("there are no scores")
    return float(np.mean(areas))


def auc_interval(auc: float, ones: int, others: int, confidence: float) -> tuple[float, float]:
    """Two-sided interval for an area under the ROC curve of so many rows of either kind.

    Method 5 of Newcombe (2006), Statistics in Medicine 25, 559-573: the areas whose own standard
    error, by Hanley and McNeil, reaches as far as ``auc``. It has a width at 0 and 1 as well.

    Raises:
        ValueError: no rows of a kind, or an area or confidence out of range.
    """
    from scipy.optimize import brentq

    if not 0.0 <= auc <= 1.0 or min(ones, others) < 1 or not 0.0 < confidence < 1.0:
        raise ValueError(f"no interval for {auc} of {ones} and {others} rows at {confidence}")
    z = NormalDist().inv_cdf((1.0 + confidence) / 2.0)
    rest = (ones + others) / 2 - 1

    def reach(area: float) -> float:
        spread = 1 + rest * ((1 - area) / (2 - area) + area / (1 + area))
        return z * math.sqrt(area * (1 - area) / (ones * others) * spread)

    # At 0 and at 1 themselves nothing reaches anywhere: these are no answers.
    least, most = min(auc, 1.0 - _TINY), max(auc, _TINY)
    low = 0.0 if auc == 0.0 else brentq(lambda area: auc - area - reach(area), 0.0, least)
    high = 1.0 if auc == 1.0 else brentq(lambda area: area - auc - reach(area), most, 1.0)
    return float(low), float(high)
