"""The figures that follow from answers that are texts."""

from typing import Any

from leanstage.contracts import Perplexity
from leanstage.errors import InputError
from leanstage.tasks.predictions import Predictions
from leanstage.tasks.slices import slice_counts
from leanstage.tasks.written import Written
from leanstage.variant.bootstrap import percentile_interval
from leanstage.variant.perplexity import bootstrap_perplexity_ratios, perplexity


def of_texts(predictions: Predictions, written: Written) -> dict[str, Any]:
    """Fields of :class:`leanstage.tasks.Comparison` that answers of classes have otherwise.

    Raises:
        InputError: log-probabilities that are none, or of another number of rows.
    """
    import numpy as np

    tokens, rows = written.tokens, len(predictions.labels)
    for likely in (written.baseline, written.candidate):
        whole = tokens.shape == likely.shape == (rows,) and tokens.min() > 0
        if not whole or not np.isfinite(likely).all() or likely.max() > 0:
            raise InputError(
                "the answers cannot be counted: the log-probabilities are not one figure, zero "
                f"or less, over one token or more, for each of {rows:,} rows."
            )
    ratios = bootstrap_perplexity_ratios(tokens, written.baseline, written.candidate)
    try:
        before, after = (
            perplexity(likely, tokens) for likely in (written.baseline, written.candidate)
        )
        found = Perplexity(
            tokens=int(tokens.sum()),
            baseline=before,
            candidate=after,
            ratio=after / before,
            ci95=percentile_interval(ratios),
        )
    except (OverflowError, ValueError) as error:
        raise InputError(
            "the answers cannot be counted: their tokens are too unlikely for a perplexity."
        ) from error
    return {
        "metric": "exact_match",
        "macro_f1": None,
        "perplexity": found,
        "slices": slice_counts(predictions, (), sorted(predictions.slices)),
        "classes": (),
        "confusion": (),
        "resampled": ratios,
    }
