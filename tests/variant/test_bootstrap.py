"""Macro-F1 by hand, and its bootstrap against scipy's."""

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from scipy.stats import bootstrap

from leanstage.variant.bootstrap import (
    bootstrap_macro_f1_differences,
    bootstrap_upper_drop,
    macro_f1,
    macro_f1_upper_drop,
    percentile_interval,
)
from leanstage.variant.statistics import paired_counts, tango_upper_drop


def answers(n: int, classes: int, *, seed: int) -> tuple[Any, Any, Any]:
    """Labels, and the answers of a better and a worse model that mostly agree."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, n)
    first = np.where(rng.random(n) < 0.8, labels, rng.integers(0, classes, n))
    second = np.where(rng.random(n) < 0.85, first, rng.integers(0, classes, n))
    return labels, first, second


def f1_by_counting(labels: Any, given: Any) -> Fraction:
    """Macro-F1 from precision and recall of each class that has rows."""
    pairs = list(zip(list(labels), list(given), strict=True))
    scores = []
    for name in set(labels):
        hits = sum(truth == answer == name for truth, answer in pairs)
        named = sum(answer == name for _, answer in pairs)
        there = sum(truth == name for truth, _ in pairs)
        if not hits:
            scores.append(Fraction(0))
            continue
        precision, recall = Fraction(hits, named), Fraction(hits, there)
        scores.append(2 * precision * recall / (precision + recall))
    return sum(scores, Fraction(0)) / len(scores)


def test_macro_f1_by_hand() -> None:
    # Class 0: 2 hits, 3 rows, 3 answers; class 1: 1, 2, 2; class 2: 1, 1, 1.
    labels, given = [0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 0, 2]
    assert macro_f1(labels, given, 3) == pytest.approx((4 / 6 + 2 / 4 + 1) / 3)


def test_a_class_without_rows_is_left_out_but_naming_it_is_a_miss() -> None:
    assert macro_f1([0, 0, 1, 1], [0, 0, 1, 1], 3) == 1.0
    assert macro_f1([0, 0, 1, 1], [0, 2, 1, 1], 3) == pytest.approx((2 / 3 + 1) / 2)
    assert macro_f1([0], [1], 2) == 0.0


@pytest.mark.parametrize("seed", range(5))
def test_macro_f1_agrees_with_precision_and_recall(seed: int) -> None:
    labels, first, _ = answers(60, 7, seed=seed)
    assert macro_f1(labels, first, 9) == pytest.approx(float(f1_by_counting(labels, first)))


def test_all_resamples_of_three_rows() -> None:
    labels, first, second = [0, 0, 1], [0, 1, 1], [0, 0, 0]
    every = [[row, other, third] for row in range(3) for other in range(3) for third in range(3)]
    expected = [
        float(
            f1_by_counting([labels[r] for r in rows], [second[r] for r in rows])
            - f1_by_counting([labels[r] for r in rows], [first[r] for r in rows])
        )
        for rows in every
    ]
    found = bootstrap_macro_f1_differences(labels, first, second, 2, resamples=54_000)
    values, counts = np.unique(np.round(found, 9), return_counts=True)
    wanted, shares = np.unique(np.round(expected, 9), return_counts=True)
    assert values == pytest.approx(wanted)
    # Four standard errors of the share of a value at most.
    assert counts / len(found) == pytest.approx(shares / 27, abs=4 * math.sqrt(0.25 / 54_000))


@pytest.mark.parametrize(("n", "classes"), [(150, 2), (400, 5)])
def test_interval_agrees_with_scipy(n: int, classes: int) -> None:
    columns = answers(n, classes, seed=n)

    def difference(labels: Any, first: Any, second: Any) -> float:
        return macro_f1(labels, second, classes) - macro_f1(labels, first, classes)

    scipys = bootstrap(
        columns,
        difference,
        paired=True,
        vectorized=False,
        method="percentile",
        n_resamples=4000,
        rng=np.random.default_rng(1),
    )
    drawn = bootstrap_macro_f1_differences(*columns, classes, resamples=20_000)
    width = scipys.confidence_interval.high - scipys.confidence_interval.low
    assert percentile_interval(drawn) == pytest.approx(
        tuple(scipys.confidence_interval), abs=width / 20
    )
    assert drawn.std(ddof=1) == pytest.approx(scipys.standard_error, rel=0.05)
    assert drawn.mean() == pytest.approx(difference(*columns), abs=width / 20)


def test_the_seed_fixes_every_draw() -> None:
    columns = answers(500, 3, seed=4)
    found = bootstrap_macro_f1_differences(*columns, 3)
    assert found.shape == (2000,)
    assert (np.diff(found) >= 0).all()
    assert (bootstrap_macro_f1_differences(*columns, 3) == found).all()
    assert (bootstrap_macro_f1_differences(*columns, 3, seed=21) != found).any()


def test_the_draws_are_those_of_every_release() -> None:
    # The stream of numpy's RandomState is frozen, so a decision can be checked years later.
    labels = np.arange(100) % 2
    first = np.where(np.arange(100) % 10 == 0, 1 - labels, labels)
    second = np.where(np.arange(100) % 7 == 0, 1 - labels, labels)
    found = bootstrap_macro_f1_differences(labels, first, second, 2)
    assert percentile_interval(found) == pytest.approx(
        (-0.14183337687033, 0.0420142158434), abs=1e-12
    )


def test_the_order_of_the_rows_does_not_matter() -> None:
    labels, first, second = answers(500, 3, seed=4)
    order = np.random.default_rng(5).permutation(500)
    found = bootstrap_macro_f1_differences(labels, first, second, 3)
    moved = bootstrap_macro_f1_differences(labels[order], first[order], second[order], 3)
    assert (found == moved).all()


def test_pieces_of_any_size_draw_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = answers(300, 4, seed=6)
    whole = bootstrap_macro_f1_differences(*columns, 4, resamples=101)
    monkeypatch.setattr("leanstage.variant.bootstrap._CELLS_AT_ONCE", 100)
    assert (bootstrap_macro_f1_differences(*columns, 4, resamples=101) == whole).all()


def test_without_discordant_rows_tangos_bound_stands_in() -> None:
    labels = [0, 1] * 200
    found = bootstrap_macro_f1_differences(labels, labels, labels, 2)
    counts = paired_counts(labels, labels, labels)
    assert percentile_interval(found) == (0.0, 0.0)
    assert bootstrap_upper_drop(found, 0.95) == 0.0
    assert macro_f1_upper_drop(counts, found, 0.95) == tango_upper_drop(counts, 0.95) > 0.006


def test_a_rare_class_that_is_lost_shows_in_the_bound_of_macro_f1() -> None:
    labels = np.array([0] * 980 + [1] * 20)
    lost = np.where(np.arange(1000) >= 990, 0, labels)
    found = bootstrap_macro_f1_differences(labels, labels, lost, 2)
    counts = paired_counts(labels, labels, lost)
    assert tango_upper_drop(counts, 0.95) < 0.02
    assert macro_f1_upper_drop(counts, found, 0.95) == bootstrap_upper_drop(found, 0.95) > 0.15


@pytest.mark.parametrize(
    ("labels", "first", "second", "span"),
    [([0], [0], [1], (-1, -1)), ([0], [1], [0], (1, 1)), ([0, 1], [0, 1], [1, 0], (-1, -1))],
)
def test_one_row_and_all_rows_lost(
    labels: list[int], first: list[int], second: list[int], span: tuple[float, float]
) -> None:
    found = bootstrap_macro_f1_differences(labels, first, second, 2, resamples=50)
    assert (found[0], found[-1]) == span
    assert macro_f1_upper_drop(paired_counts(labels, first, second), found, 0.95) > 0


def test_upper_bound_is_the_end_of_the_wider_interval() -> None:
    found = bootstrap_macro_f1_differences(*answers(200, 3, seed=8), 3)
    low, _ = percentile_interval(found, 0.9)
    assert bootstrap_upper_drop(found, 0.95) == pytest.approx(-low)


def test_arguments_out_of_range_are_refused() -> None:
    for labels, given in (([], []), ([0, 1], [0]), ([[0]], [[0]])):
        with pytest.raises(ValueError, match="equally long"):
            macro_f1(labels, given, 2)
    for wrong in (2, -1):
        with pytest.raises(ValueError, match="below 2"):
            bootstrap_macro_f1_differences([0], [wrong], [0], 2)
    with pytest.raises(ValueError, match="confidence"):
        percentile_interval(np.zeros(3), 1.0)
    with pytest.raises(ValueError, match="confidence"):
        bootstrap_upper_drop(np.zeros(3), 0.5)
