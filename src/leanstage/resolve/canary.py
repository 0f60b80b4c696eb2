"""A first look at the baseline's answers, before hours are spent on a broken pair."""

from collections.abc import Sequence

import numpy as np

from leanstage.errors import InputError
from leanstage.tasks import Examples
from leanstage.variant import Variant, load_predictor, predict_all
from leanstage.variant.checkpoint import read_config
from leanstage.variant.generation import load_generator

ROWS = 256
TEXTS = 64
"""Rows that a model which generates is asked about: each is read token by token."""
ONE_SIDED_95 = 1.645


def check_baseline(baseline: Variant, validation: Examples) -> None:
    """Refuse a baseline whose answers are no better than guessing.

    Raises:
        InputError: the answers are not finite, or not better than chance.
    """
    stride = max(1, len(validation) // ROWS)
    rows = range(0, len(validation), stride)
    if baseline.manifest.task == "text-generation":
        _check_texts(baseline, validation, rows)
    else:
        _check_classes(baseline, validation, rows)


def _check_classes(baseline: Variant, validation: Examples, rows: Sequence[int]) -> None:
    """Better than chance by class.

    A tokenizer of another model with as many tokens, or labels in another order, loads without
    a complaint and shows only here. Recall is averaged over the classes, so that a model which
    serves a rare class well is not held against the most frequent one.
    """
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


def _check_texts(baseline: Variant, validation: Examples, rows: Sequence[int]) -> None:
    """It writes, and finds what it should have written likelier than any token would be by chance.

    A tokenizer of another model makes the true tokens unlikelier than that.
    """
    generator = load_generator(baseline.path)
    rows = rows[:: max(1, len(rows) // TEXTS)]
    prompts = [validation.texts[row] for row in rows]
    completions = [validation.completions[row] for row in rows]
    generator.generate(prompts[:2], [4] * len(prompts[:2]))
    told = generator.likelihood(prompts, completions, whole=validation.form == "text")
    if not np.isfinite(told.logprobs).all():
        raise InputError(
            f"the baseline answers NaN on rows of {validation.source}; check its weights."
        )
    perplexity = float(np.exp(-told.logprobs.mean(dtype=np.float64)))
    vocabulary = int(read_config(baseline.path)["vocab_size"])
    if perplexity >= vocabulary:
        raise InputError(
            f"the baseline's perplexity is {perplexity:,.0f} on {len(rows)} validation rows, no "
            f"better than guessing among its {vocabulary:,} tokens; check that the "
            "tokenizer belongs to this model."
        )
