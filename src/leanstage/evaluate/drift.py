"""Can a classifier tell the sample of production from the rows that were trained and judged on?

Lopez-Paz & Oquab (2017), "Revisiting Classifier Two-Sample Tests", ICLR: two samples are of one
distribution only where no classifier tells them apart on rows that it has not seen.
"""

from collections.abc import Sequence

import numpy as np

from leanstage.tasks.production import Scores
from leanstage.tasks.splits import normal_text

FEWEST = 50
"""Different texts on either side below which nothing can be told."""
MOST = 2_000
"""Texts of either side that are compared, evenly spread."""
FOLDS = 5
_BUCKETS = 2**16


def tell_apart(sample: Sequence[str], others: Sequence[str]) -> Scores | None:
    """Score every text by logistic regression on words, pairs of words and length, held out.

    A text that stands several times counts once: it would be learnt by heart. The folds are
    seeded, so that the same texts give the same scores.

    Returns:
        None where either side has fewer than ``FEWEST`` different texts.
    """
    from scipy.sparse import hstack
    from sklearn.feature_extraction.text import HashingVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold

    first, second = _spread(sample), _spread(others)
    if min(len(first), len(second)) < FEWEST:
        return None
    texts = [*first, *second]
    production = np.arange(len(texts)) < len(first)
    words = HashingVectorizer(n_features=_BUCKETS, ngram_range=(1, 2), alternate_sign=False)
    lengths = np.log1p([[len(text)] for text in texts])
    spread = float(lengths.std()) or 1.0
    features = hstack([words.transform(texts), (lengths - lengths.mean()) / spread], format="csr")
    folds = np.empty(len(texts), dtype=np.int32)
    scores = np.empty(len(texts), dtype=np.float64)
    splitter = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    for number, (seen, held) in enumerate(splitter.split(texts, production)):
        model = LogisticRegression(class_weight="balanced", solver="liblinear", random_state=0)
        model.fit(features[seen], production[seen])
        folds[held] = number
        scores[held] = model.decision_function(features[held])
    return Scores(folds, production, scores)


def _spread(texts: Sequence[str]) -> list[str]:
    """Different texts, at most ``MOST`` of them from all over."""
    different = list({normal_text(text): text for text in texts}.values())
    if len(different) <= MOST:
        return different
    return [different[int(row)] for row in np.linspace(0, len(different) - 1, MOST)]
