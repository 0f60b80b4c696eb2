"""A first look at the baseline's answers, before hours are spent on a broken pair."""

import numpy as np

from leanstage.errors import InputError
from leanstage.tasks import Examples
from leanstage.variant import Variant, load_predictor, predict_all

ROWS = 256
ONE_SIDED_95 = 1.645


def check_baseline(baseline: Variant, validation: Examples) -> None:
    """Refuse a baseline whose answers are no better than guessing.

    A tokenizer of another model with as many tokens, or labels in another order, loads without
    a complaint and shows only here. Recall is averaged over the classes, so that a model which
    serves a rare class well is not held against the most frequent one.

    Raises:
        InputError: the answers are not finite, or not better than chance.
    """
    stride = max(1, len(validation) // ROWS)
    rows = range(0, len(validation), stride)
    labels = np.array([validation.labels[row] for row in rows])
    answers = predict_all(
        load_predictor(baseline.path), [validation.texts[row] for row in rows], batch_size=32
    )
    if not np.isfinite(answers).all():
        raise InputError(
            f"the baseline answers NaN on rows of {validation.source}; check its weights."
        )
    right = answers.argmax(axis=1) == labels
    classes = np.unique(labels)
    recall = float(np.mean([right[labels == label].mean() for label in classes]))
    chance = 1 / answers.shape[1]
    needed = chance + ONE_SIDED_95 * (chance * (1 - chance) / len(labels)) ** 0.5
    if recall < needed:
        raise InputError(
            f"the baseline's mean recall over {len(classes)} classes is {recall:.1%} on "
            f"{len(labels)} validation rows, no better than guessing ({needed:.1%} would be); "
            "check that tokenizer and order of the labels belong to this model."
        )
