"""Worked examples, an independent closed form, and properties of the paired statistics."""

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from leanstage.contracts import PairedCounts
from leanstage.variant.statistics import (
    expected_upper_drop,
    mcnemar_exact,
    paired_counts,
    rows_needed,
    tango_interval,
    tango_upper_drop,
)


def table(lost: int, gained: int, n: int, *, right: int = 0) -> PairedCounts:
    """A table of ``n`` rows with so many lost to and gained over the baseline."""
    wrong = n - lost - gained - right
    return PairedCounts(
        both_right=right, baseline_only=lost, candidate_only=gained, both_wrong=wrong
    )


@st.composite
def tables(draw: st.DrawFn, most: int = 3000) -> PairedCounts:
    n = draw(st.integers(1, most))
    lost = draw(st.integers(0, n))
    return table(lost, draw(st.integers(0, n - lost)), n)


def closed_form(lost: int, gained: int, n: int, z: float) -> tuple[float, float]:
    """Tango's interval for gained minus lost as roots of a quartic.

    Yang, Sun and Hardin (2013, Statistics in Medicine 32): eliminating the nuisance share from the
    score equation (d - D)^2 = k v(D), k = z^2 / n, leaves a polynomial in D. Derived here afresh:
    with x = ((d - D)^2 / k - D (1 - D)) / 2 the likelihood equation is a polynomial in D as well.
    """
    d = (gained - lost) / n
    k = z * z / n
    drop = np.polynomial.Polynomial([0.0, -1.0])
    spread = drop * (1 - drop)
    share = ((drop + d) ** 2 / k - spread) / 2
    linear = (2 * n - lost + gained) * drop - (lost + gained)
    quartic = 2 * n * share**2 + linear * share - gained * spread
    roots = quartic.roots()
    real = [float(root.real) for root in roots if abs(root.imag) < 1e-7]
    return min(real), max(real)


@pytest.mark.parametrize(
    ("gained", "lost", "n", "confidence", "expected", "digits"),
    [
        # Airway hyper-responsiveness, Fagerland, Lydersen and Laake (2014).
        (1, 7, 21, 0.95, (-0.517, -0.026), 3),
        # Complete response to consolidation therapy (Cavo et al. 2012), same authors (2017), ch. 8.
        (6, 16, 161, 0.95, (-0.1240, -0.0054), 4),
        # As computed by the R package PropCIs, scoreci.mp(25, 28, 618, 0.90).
        (28, 25, 618, 0.90, (-0.0148, 0.0247), 4),
    ],
)
def test_interval_gives_the_published_figures(
    gained: int,
    lost: int,
    n: int,
    confidence: float,
    expected: tuple[float, float],
    digits: int,
) -> None:
    found = tango_interval(table(lost, gained, n), confidence)
    assert tuple(round(end, digits) for end in found) == expected


def test_mcnemar_gives_the_published_figures() -> None:
    assert mcnemar_exact(table(16, 6, 161)) == pytest.approx(0.052479, abs=5e-7)
    assert mcnemar_exact(table(7, 1, 21)) == pytest.approx(18 / 256)
    assert mcnemar_exact(table(0, 0, 10)) == 1.0
    assert mcnemar_exact(table(3, 3, 10)) == 1.0


@settings(max_examples=200, deadline=None)
@given(tables(), st.sampled_from([0.8, 0.9, 0.95, 0.975, 0.99]))
def test_interval_agrees_with_the_closed_form(counts: PairedCounts, confidence: float) -> None:
    # Elsewhere roots of the quartic coincide or reach the edge; those cases stand below.
    assume(counts.baseline_only and counts.candidate_only)
    assume(counts.baseline_only + counts.candidate_only < counts.n)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    expected = closed_form(counts.baseline_only, counts.candidate_only, counts.n, z)
    assert tango_interval(counts, confidence) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("n", [1, 2, 10, 300, 10**6, 10**12])
def test_edges_have_their_limits(n: int) -> None:
    z = NormalDist().inv_cdf(0.975)
    none = z * z / (n + z * z)
    assert tango_interval(table(0, 0, n), 0.95) == pytest.approx((-none, none), rel=1e-6)
    wilson = (n - z * z) / (n + z * z)
    assert tango_interval(table(0, n, n), 0.95) == pytest.approx((wilson, 1.0), abs=1e-9)
    assert tango_interval(table(n, 0, n), 0.95) == pytest.approx((-1.0, -wilson), abs=1e-9)


def test_all_rows_discordant_is_wilson_on_the_share_gained() -> None:
    gained, n, z = 13, 20, NormalDist().inv_cdf(0.975)
    share = gained / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    expected = (2 * (middle - half) - 1, 2 * (middle + half) - 1)
    assert tango_interval(table(n - gained, gained, n), 0.95) == pytest.approx(expected, abs=1e-9)


@settings(max_examples=300, deadline=None)
@given(tables(), st.floats(0.51, 0.9999))
def test_interval_is_never_without_width(counts: PairedCounts, confidence: float) -> None:
    low, high = tango_interval(counts, confidence)
    assert -1.0 <= low < high <= 1.0
    assert low <= -counts.drop <= high
    assert low <= -tango_upper_drop(counts, confidence)
    mirrored = table(counts.candidate_only, counts.baseline_only, counts.n)
    assert tango_interval(mirrored, confidence) == (-high, -low)


@settings(max_examples=300, deadline=None)
@given(tables(), st.floats(0.6, 0.999))
def test_the_bound_never_falls_with_more_harm(counts: PairedCounts, confidence: float) -> None:
    bound = tango_upper_drop(counts, confidence)
    lost, gained, n = counts.baseline_only, counts.candidate_only, counts.n
    if lost + gained < n:
        assert tango_upper_drop(table(lost + 1, gained, n), confidence) >= bound - 1e-12
    if gained:
        assert tango_upper_drop(table(lost, gained - 1, n), confidence) >= bound - 1e-12
        assert tango_upper_drop(table(lost + 1, gained - 1, n), confidence) >= bound - 1e-12


def test_one_sided_bound_is_the_end_of_the_wider_two_sided_interval() -> None:
    counts = table(7, 1, 21)
    low, _ = tango_interval(counts, 0.9)
    assert tango_upper_drop(counts, 0.95) == pytest.approx(-low, abs=1e-12)


@settings(max_examples=200, deadline=None)
@given(tables(400), st.floats(0.005, 0.3), st.sampled_from([0.9, 0.95, 0.975]))
def test_rows_needed_are_enough_and_not_too_many(
    counts: PairedCounts, margin: float, confidence: float
) -> None:
    needed = rows_needed(counts, margin, confidence)
    if counts.drop >= margin:
        assert needed is None
        return
    assert needed is not None
    at_least = math.ceil(needed / counts.n)
    grown = table(
        at_least * counts.baseline_only, at_least * counts.candidate_only, at_least * counts.n
    )
    assert tango_upper_drop(grown, confidence) <= margin + 1e-9
    fewer = (needed - 1) // counts.n
    if fewer:
        small = table(fewer * counts.baseline_only, fewer * counts.candidate_only, fewer * counts.n)
        assert tango_upper_drop(small, confidence) > margin - 1e-9


def test_rows_needed_without_discordant_rows() -> None:
    z = NormalDist().inv_cdf(0.95)
    assert rows_needed(table(0, 0, 50), 0.02, 0.95) == math.ceil(z * z * 0.98 / 0.02)
    assert rows_needed(table(1, 0, 50), 1.0, 0.95) == 1


def test_paired_counts_by_hand() -> None:
    counts = paired_counts([0, 1, 2, 1, 0], [0, 1, 1, 0, 0], np.array([0, 0, 2, 2, 0]))
    assert counts == PairedCounts(both_right=2, baseline_only=1, candidate_only=1, both_wrong=1)


@pytest.mark.parametrize(
    ("labels", "baseline", "candidate"),
    [([], [], []), ([0, 1], [0, 1], [0]), ([[0], [1]], [[0], [1]], [[0], [1]])],
)
def test_paired_counts_refuses_what_is_not_paired(
    labels: list[int], baseline: list[int], candidate: list[int]
) -> None:
    with pytest.raises(ValueError, match="one-dimensional"):
        paired_counts(labels, baseline, candidate)


def test_arguments_out_of_range_are_refused() -> None:
    counts, empty = table(1, 1, 10), table(0, 0, 0)
    for confidence in (0.0, 1.0, math.nan):
        with pytest.raises(ValueError, match="confidence"):
            tango_interval(counts, confidence)
    for confidence in (0.5, 1.0, math.nan):
        with pytest.raises(ValueError, match="confidence"):
            tango_upper_drop(counts, confidence)
    with pytest.raises(ValueError, match="margin"):
        rows_needed(counts, math.nan, 0.95)
    for function in (tango_interval, tango_upper_drop):
        with pytest.raises(ValueError, match="at least one row"):
            function(empty, 0.95)
    with pytest.raises(ValueError, match="at least one row"):
        rows_needed(empty, 0.02, 0.95)


@given(tables(), st.sampled_from([0.9, 0.95, 0.975]))
def test_the_bound_to_expect_at_the_rates_of_a_table_is_that_of_the_table(
    counts: PairedCounts, confidence: float
) -> None:
    rates = (counts.baseline_only + counts.candidate_only) / counts.n
    expected = expected_upper_drop(
        counts.n, discordant=rates, drop=counts.drop, confidence=confidence
    )
    assert expected == pytest.approx(tango_upper_drop(counts, confidence), abs=1e-9)


def test_no_more_can_be_lost_than_changes_sides() -> None:
    bound = expected_upper_drop(1000, discordant=0.01, drop=0.5, confidence=0.95)
    assert bound == pytest.approx(tango_upper_drop(table(10, 0, 1000), 0.95))
    with pytest.raises(ValueError, match="at least one row"):
        expected_upper_drop(0, discordant=0.0, drop=0.0, confidence=0.95)
