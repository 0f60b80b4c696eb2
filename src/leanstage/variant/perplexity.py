"""Perplexity of two models on the same tokens, and by how much their ratio may be off."""

import math
from typing import TYPE_CHECKING

from leanstage.variant.bootstrap import RESAMPLES, SEED

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_DRAWN_AT_ONCE = 2_000_000
"""Drawn rows in memory at a time (8 bytes each, held three times)."""

_LARGEST_LOG = 700.0
"""Beyond it the exponential is no float any more."""


def perplexity(logprobs: "NDArray[np.float64]", tokens: "NDArray[np.int32]") -> float:
    """Exponential of the mean negative log-probability of a token, over all rows together.

    Args:
        logprobs: natural logarithm of the probability of every row, shape (rows,).
        tokens: how many tokens of each row that is of, shape (rows,).

    Raises:
        OverflowError: tokens so unlikely that no float holds the figure.
    """
    return math.exp(-float(logprobs.sum()) / int(tokens.sum()))


def bootstrap_perplexity_ratios(
    tokens: "NDArray[np.int32]",
    baseline: "NDArray[np.float64]",
    candidate: "NDArray[np.float64]",
    *,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> "NDArray[np.float64]":
    """Perplexity of the candidate over that of the baseline, on rows drawn with replacement.

    Paired: a drawn row brings its tokens and both log-probabilities (Efron and Tibshirani 1993,
    "An Introduction to the Bootstrap"). Rows are drawn whole, since the tokens of one text are
    alike.

    Args:
        tokens, baseline, candidate: as for :func:`perplexity`, shape (rows,).

    Returns:
        The ratios in ascending order, shape (resamples,).
    """
    import numpy as np

    lost = baseline - candidate
    # The stream of RandomState never changes with the version of numpy, as Generator's may.
    random = np.random.RandomState(seed)
    found = []
    step = max(1, _DRAWN_AT_ONCE // len(tokens))
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        drawn = random.randint(0, len(tokens), size=(size, len(tokens)))
        found.append(lost[drawn].sum(axis=1) / tokens[drawn].sum(axis=1, dtype=np.int64))
    logs = np.clip(np.concatenate(found), -_LARGEST_LOG, _LARGEST_LOG)
    ratios: NDArray[np.float64] = np.exp(np.sort(logs))
    return ratios


def upper_increase(ratios: "NDArray[np.float64]", confidence: float) -> float:
    """One-sided upper percentile bound of the increase, a share: 0.01 is one percent more.

    Raises:
        ValueError: a confidence outside (0.5, 1).
    """
    import numpy as np

    if not 0.5 < confidence < 1.0:
        raise ValueError(f"a one-sided confidence lies between 0.5 and 1, not at {confidence}")
    return float(np.quantile(ratios, confidence)) - 1.0
