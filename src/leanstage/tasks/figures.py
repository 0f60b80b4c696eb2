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
    the accuracy does: every row weighs in, not only those that change sides. It is taken at equal
    mean confidence, because a model that is as often right but less sure of itself would
    otherwise seem to lose; at that of the reference, or where it is less sure of itself than it is
    right, at its accuracy, because a point of the probability would otherwise be less than one of
    the accuracy.
    """
    import numpy as np

    truth = np.asarray(labels)
    rows = np.arange(len(truth))
    right = probabilities.argmax(axis=1) == truth
    reference_right = reference.argmax(axis=1) == truth
    sure = float(reference.max(axis=1).mean())
    # By the rule of succession: nobody who was right on all rows is so for certain.
    often_right = (float(reference_right.sum()) + 1) / (len(truth) + 2)
    before = reference if sure >= often_right else at_confidence(reference, often_right)
    matched = at_confidence(probabilities, max(sure, often_right))
    drops = before[rows, truth].astype(float) - matched[rows, truth]
    spread = float(drops.std(ddof=1)) / len(truth) ** 0.5 if len(truth) > 1 else 0.0
    return ValidationFigures(
        n=len(truth),
        accuracy=float(right.mean()),
        reference_accuracy=float(reference_right.mean()),
        accuracy_drop=float(reference_right.mean() - right.mean()),
        probability_drop=float(drops.mean()),
        probability_drop_se=spread,
        discordant=float((right != reference_right).mean()),
    )


def at_confidence(probabilities: "NDArray[np.float32]", goal: float) -> "NDArray[np.float64]":
    """``probabilities``, of shape (rows, classes), at the temperature of this mean confidence.

    Confidence is the probability of the answer given. One temperature for all rows (Guo et al.
    2017, "On Calibration of Modern Neural Networks") changes no answer.
    """
    import numpy as np

    logs = np.log(np.clip(probabilities.astype(float), 1e-12, 1.0))

    def at(sharpness: float) -> "NDArray[np.float64]":
        raised = np.exp(sharpness * (logs - logs.max(axis=1, keepdims=True)))
        scaled: NDArray[np.float64] = raised / raised.sum(axis=1, keepdims=True)
        return scaled

    low, high = 0.02, 1e4
    for _ in range(60):
        middle = float(np.sqrt(low * high))
        if at(middle).max(axis=1).mean() < goal:
            low = middle
        else:
            high = middle
    return at(float(np.sqrt(low * high)))
