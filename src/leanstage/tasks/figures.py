"""Figures by which techniques search: paired, on the validation split."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from leanstage.contracts import ValidationFigures

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def validation_figures(
    probabilities: "NDArray[np.float32]",
    reference: "NDArray[np.float32]",
    labels: Sequence[int],
) -> ValidationFigures:
    """Compare two models' probabilities, each of shape (rows, classes), on the same rows.

    The mean drop in the probability of the true class moves far less from sample to sample than
    the accuracy does: every row weighs in, not only those that change sides.
    """
    import numpy as np

    truth = np.asarray(labels)
    rows = np.arange(len(truth))
    drops = reference[rows, truth].astype(float) - probabilities[rows, truth].astype(float)
    right = probabilities.argmax(axis=1) == truth
    reference_right = reference.argmax(axis=1) == truth
    spread = float(drops.std(ddof=1)) / len(truth) ** 0.5 if len(truth) > 1 else 0.0
    return ValidationFigures(
        n=len(truth),
        accuracy=float(right.mean()),
        reference_accuracy=float(reference_right.mean()),
        accuracy_drop=float(reference_right.mean() - right.mean()),
        probability_drop=float(drops.mean()),
        probability_drop_se=spread,
    )
