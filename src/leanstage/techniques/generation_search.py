"""How a model that writes is judged while searching: token by token, beside the baseline."""

import numpy as np
from numpy.typing import NDArray

from leanstage.contracts import ValidationFigures
from leanstage.tasks import SplitFolder
from leanstage.variant.generation import Generator


def token_answers(generator: Generator, split: SplitFolder) -> NDArray[np.float32]:
    """What a model says to every token of a split, the true ones before it at hand.

    Returns:
        Shape (tokens, 3): the probability of the true token, whether it is the likeliest (1 or 0),
        and the row that it stands in.
    """
    told = generator.likelihood(split.texts, split.completions, whole=split.info.form == "text")
    rows = np.repeat(np.arange(len(told.tokens)), told.tokens)
    return np.stack([np.exp(told.logprobs), told.right, rows], axis=1).astype(np.float32)


def token_figures(
    answers: NDArray[np.float32], reference: NDArray[np.float32]
) -> ValidationFigures:
    """Two models' :func:`token_answers` to the same tokens, compared.

    The standard error is that over rows, since the tokens of one text are alike. Confidence is not
    matched, as it is for classes: in text to be written, being unsure is a loss.
    """
    drops = reference[:, 0].astype(float) - answers[:, 0]
    rows = reference[:, 2].astype(int)
    counts = np.bincount(rows)
    totals = np.bincount(rows, drops) - drops.mean() * counts
    n = int((counts > 0).sum())
    spread = float(np.sqrt((totals**2).sum() * n / max(1, n - 1))) / len(drops)
    right, reference_right = float(answers[:, 1].mean()), float(reference[:, 1].mean())
    return ValidationFigures(
        n=len(drops),
        accuracy=right,
        reference_accuracy=reference_right,
        accuracy_drop=reference_right - right,
        probability_drop=float(drops.mean()),
        probability_drop_se=spread,
    )
