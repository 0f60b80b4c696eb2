"""Perplexity by hand, and its interval against plain resampling and its own coverage."""

import math

import numpy as np
import pytest

from leanstage.variant.bootstrap import percentile_interval
from leanstage.variant.perplexity import (
    bootstrap_perplexity_ratios,
    perplexity,
    upper_increase,
)


def test_tokens_count_alike_whatever_row_they_stand_in() -> None:
    logprobs, tokens = np.log([0.5**3, 0.25]), np.array([3, 1], dtype=np.int32)
    assert perplexity(logprobs, tokens) == pytest.approx((8 * 4) ** (1 / 4))
    even = np.full(5, math.log(1 / 50)) * 2
    assert perplexity(even, np.full(5, 2, dtype=np.int32)) == pytest.approx(50)


def test_the_same_answers_give_the_same_ratios() -> None:
    rng = np.random.default_rng(0)
    tokens = rng.integers(1, 9, 50).astype(np.int32)
    first, second = -rng.random(50) * tokens, -rng.random(50) * tokens
    one, two = (bootstrap_perplexity_ratios(tokens, first, second) for _ in range(2))
    assert np.array_equal(one, two)
    assert (np.diff(one) >= 0).all()
    assert set(bootstrap_perplexity_ratios(tokens, first, first)) == {1.0}


def test_rows_are_drawn_whole_with_all_their_tokens() -> None:
    """Against the same draws, one after the other."""
    tokens = np.array([1, 10, 3], dtype=np.int32)
    first, second = np.array([-1.0, -5.0, -6.0]), np.array([-2.0, -4.0, -7.5])
    found = bootstrap_perplexity_ratios(tokens, first, second, resamples=200, seed=4)
    drawn = np.random.RandomState(4).randint(0, 3, size=(200, 3))
    expected = [
        perplexity(second[rows], tokens[rows]) / perplexity(first[rows], tokens[rows])
        for rows in drawn
    ]
    assert found == pytest.approx(sorted(expected))


def test_the_interval_covers_the_true_ratio_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    true, inside, over, n = 1.02, 0, 0, 120
    for trial in range(300):
        tokens = rng.integers(1, 12, n).astype(np.int32)
        first = -rng.gamma(2.0, 1.0, n) * tokens
        second = first - (math.log(true) + rng.normal(0, 0.1, n)) * tokens
        ratios = bootstrap_perplexity_ratios(tokens, first, second, resamples=400, seed=trial)
        low, high = percentile_interval(ratios)
        inside += low <= true <= high
        over += upper_increase(ratios, 0.95) < true - 1.0
    assert 0.91 <= inside / 300 <= 0.985
    assert over / 300 <= 0.085


def test_a_bound_needs_a_one_sided_confidence() -> None:
    with pytest.raises(ValueError, match="between"):
        upper_increase(np.array([1.0]), 0.5)
