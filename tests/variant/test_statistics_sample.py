"""Intervals of a share and of an area under the ROC curve, against published and exact values."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from leanstage.variant.statistics_sample import (
    auc_interval,
    cross_validated_auc,
    wilson_interval,
)


@pytest.mark.parametrize(("successes", "n"), [(0, 10), (7, 20), (81, 263), (19, 20), (300, 300)])
@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_wilson_is_that_of_scipy(successes: int, n: int, confidence: float) -> None:
    expected = stats.binomtest(successes, n).proportion_ci(confidence, method="wilson")
    assert wilson_interval(successes, n, confidence) == pytest.approx(tuple(expected), abs=1e-12)


def test_wilson_has_a_width_where_all_agree() -> None:
    low, high = wilson_interval(20, 20, 0.95)
    assert (round(low, 3), high) == (0.839, pytest.approx(1.0))


@pytest.mark.parametrize(
    "broken",
    [
        lambda: wilson_interval(0, 0, 0.95),
        lambda: wilson_interval(5, 4, 0.95),
        lambda: wilson_interval(1, 4, 1.0),
        lambda: auc_interval(1.1, 5, 5, 0.95),
        lambda: auc_interval(0.5, 0, 5, 0.95),
    ],
)
def test_what_has_no_interval(broken: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match="no interval"):
        broken()


def test_the_area_is_the_chance_to_rank_rightly() -> None:
    rng = np.random.default_rng(1)
    scores, positive = rng.normal(size=60).round(1), rng.random(60) < 0.4
    pairs = scores[positive][:, None] - scores[~positive][None, :]
    expected = float(((pairs > 0) + 0.5 * (pairs == 0)).mean())
    one_fold = np.zeros(60, dtype=np.int32)
    assert cross_validated_auc(scores, positive, one_fold) == pytest.approx(expected)


def test_scores_of_different_folds_are_never_compared() -> None:
    """Each fold ranks perfectly, although the second scores everything higher."""
    scores = np.array([0.0, 1.0, 10.0, 11.0])
    positive = np.array([False, True, False, True])
    assert cross_validated_auc(scores, positive, np.array([0, 0, 1, 1], dtype=np.int32)) == 1.0
    assert cross_validated_auc(scores, positive, np.zeros(4, dtype=np.int32)) == 0.75


def test_a_fold_of_one_kind_has_no_area() -> None:
    positive = np.array([True, True])
    with pytest.raises(ValueError, match="rows of one kind only"):
        cross_validated_auc(np.zeros(2), positive, np.zeros(2, dtype=np.int32))


def test_the_interval_holds_its_area_and_narrows() -> None:
    for auc in (0.0, 0.31, 0.5, 0.9, 1.0):
        low, high = auc_interval(auc, 30, 80, 0.95)
        assert 0.0 <= low <= auc <= high <= 1.0
        assert low < high
        closer = auc_interval(auc, 300, 800, 0.95)
        assert closer[1] - closer[0] < high - low


def test_the_interval_covers_what_it_says() -> None:
    """Normal scores a standard deviation apart: the true area is known."""
    rng = np.random.default_rng(5)
    truth = float(stats.norm.cdf(1 / np.sqrt(2)))
    positive = np.arange(90) < 40
    fold = np.zeros(90, dtype=np.int32)
    covered = 0
    for _ in range(1000):
        scores = rng.normal(size=90) + positive
        low, high = auc_interval(cross_validated_auc(scores, positive, fold), 40, 50, 0.95)
        covered += low <= truth <= high
    assert 0.93 <= covered / 1000 <= 0.98
