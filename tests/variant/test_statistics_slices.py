"""p-values for harm and their adjustment: published examples, other ways to the same figures."""

import itertools
import math
from statistics import NormalDist

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from leanstage.contracts import PairedCounts
from leanstage.variant.statistics import mcnemar_exact, score_p_value, tango_interval
from leanstage.variant.statistics_slices import exact_harm_p, harm_p_value, holm


def table(lost: int, gained: int, n: int) -> PairedCounts:
    """A table of ``n`` rows with so many lost to and gained over the baseline."""
    return PairedCounts(
        both_right=n - lost - gained, baseline_only=lost, candidate_only=gained, both_wrong=0
    )


@st.composite
def tables(draw: st.DrawFn) -> PairedCounts:
    n = draw(st.integers(1, 2000))
    lost = draw(st.integers(0, n))
    return table(lost, draw(st.integers(0, n - lost)), n)


def test_score_test_by_hand() -> None:
    # The counts of the contact lens trial in Tango (1998): one of 44 pairs lost, none gained. If
    # the true drop is 0.1, no gain is likeliest, so the variance of one row is 0.1 (1 - 0.1).
    z = (1 - 44 * 0.1) / math.sqrt(44 * 0.1 * 0.9)
    assert z == pytest.approx(-1.709, abs=5e-4)
    assert score_p_value(table(1, 0, 44), 0.1) == pytest.approx(1 - NormalDist().cdf(z))
    # At no drop the test is McNemar's, without a correction for continuity.
    assert score_p_value(table(16, 6, 161), 0.0) == pytest.approx(
        1 - NormalDist().cdf(10 / math.sqrt(22))
    )


@settings(max_examples=300, deadline=None)
@given(tables(), st.floats(-0.99, 0.99))
def test_score_test_rejects_what_the_interval_leaves_out(counts: PairedCounts, drop: float) -> None:
    p = score_p_value(counts, drop)
    for confidence in (0.8, 0.95, 0.999):
        _, most_gained = tango_interval(counts, confidence)
        error = (1 - confidence) / 2
        if abs(drop + most_gained) > 1e-6:
            assert (p < error) == (drop < -most_gained)


@pytest.mark.parametrize(
    ("counts", "drop", "expected"),
    [
        (table(0, 0, 10), 0.0, 0.5),
        (table(5, 5, 10), 0.0, 0.5),
        (table(10, 0, 10), 1.0, 0.5),
        (table(9, 0, 10), 1.0, 1.0),
        (table(0, 0, 10), -1.0, 0.0),
    ],
)
def test_score_test_at_its_edges(counts: PairedCounts, drop: float, expected: float) -> None:
    assert score_p_value(counts, drop) == expected


def test_exact_test_gives_the_published_figures() -> None:
    # Half of the two-sided values in Fagerland, Lydersen and Laake (2014; 2017, chapter 8).
    assert exact_harm_p(table(16, 6, 161)) == pytest.approx(0.052479 / 2, abs=5e-7)
    assert exact_harm_p(table(7, 1, 21)) == pytest.approx(9 / 256)
    assert exact_harm_p(table(1, 7, 21)) == pytest.approx(255 / 256)


@settings(max_examples=200, deadline=None)
@given(tables())
def test_exact_test_agrees_with_the_binomial_one(counts: PairedCounts) -> None:
    lost, gained = counts.baseline_only, counts.candidate_only
    if not lost + gained:
        assert exact_harm_p(counts) == 1.0
        return
    expected = binomtest(lost, lost + gained, 0.5, alternative="greater").pvalue
    assert exact_harm_p(counts) == pytest.approx(expected, rel=1e-9)
    if lost > gained:
        assert mcnemar_exact(counts) == pytest.approx(min(1, 2 * exact_harm_p(counts)))


def test_a_handful_of_rows_shows_no_harm() -> None:
    assert score_p_value(table(3, 0, 3), 0.05) < 0.05
    assert harm_p_value(table(3, 0, 3), 0.05) == 0.125
    assert harm_p_value(table(1, 0, 1), 0.0) == 0.5
    assert harm_p_value(table(0, 0, 1), 0.0) == 1.0
    assert harm_p_value(table(5, 0, 5), 0.05) == 1 / 32


def test_many_lost_rows_show_harm_above_the_tolerance_only() -> None:
    counts = table(160, 40, 1000)
    assert harm_p_value(counts, 0.05) < 1e-5
    assert harm_p_value(counts, 0.12) == pytest.approx(0.5)
    assert harm_p_value(counts, 0.15) > 0.95


def test_the_error_of_the_harm_test_stays_near_its_level() -> None:
    # Every outcome of 12 rows, at true drops of the tolerance with few to many gains.
    n, tolerance, level = 12, 0.05, 0.05
    rejected = [
        (lost, gained)
        for lost, gained in itertools.product(range(n + 1), repeat=2)
        if lost + gained <= n and harm_p_value(table(lost, gained, n), tolerance) <= level
    ]
    for gain in (0.0, 0.02, 0.1, 0.25, 0.45):
        error = sum(
            math.comb(n, lost)
            * math.comb(n - lost, gained)
            * (gain + tolerance) ** lost
            * gain**gained
            * (1 - 2 * gain - tolerance) ** (n - lost - gained)
            for lost, gained in rejected
        )
        assert error <= level


@pytest.mark.parametrize(
    ("p_values", "adjusted"),
    [
        # The example of pingouin's documentation.
        ([0.50, 0.003, 0.32, 0.054, 0.0003], [0.64, 0.012, 0.64, 0.162, 0.0015]),
        # The example of the Wikipedia article on the procedure (it rejects the first and last at
        # 0.05); the second would be 0.04, less than that before it.
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
        # Input of example 67.5 of SAS's MULTTEST, whose smallest is adjusted to 0.8395.
        ([0.28282, 0.30688, 0.03498, 0.05254, *[0.9] * 20], [1, 1, 0.83952, 1, *[1] * 20]),
        ([], []),
        ([0.3], [0.3]),
        ([0.02, 0.02], [0.04, 0.04]),
    ],
)
def test_holm_gives_the_published_figures(p_values: list[float], adjusted: list[float]) -> None:
    assert holm(p_values) == pytest.approx(adjusted)


@given(st.lists(st.floats(0, 1), max_size=30))
def test_holm_keeps_the_order_and_lies_between_none_and_bonferroni(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    for p, found in zip(p_values, adjusted, strict=True):
        assert p <= found <= min(1.0, len(p_values) * p)
    by_p = [found for _, found in sorted(zip(p_values, adjusted, strict=True))]
    assert by_p == sorted(by_p)


def test_arguments_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="drop"):
        score_p_value(table(1, 0, 2), math.nan)
    with pytest.raises(ValueError, match="tolerance"):
        harm_p_value(table(1, 0, 2), -0.1)
    with pytest.raises(ValueError, match="at least one row"):
        harm_p_value(table(0, 0, 0), 0.1)
