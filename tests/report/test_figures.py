"""Figures as words."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leanstage.report import figures


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (figures.points(-0.0036), "-0.36"),
        (figures.points(-0.00001), "0.00"),
        (figures.loss(0.003), "0.30 points lost"),
        (figures.loss(-0.0045), "0.45 points gained"),
        (figures.loss(0.0), "no change"),
        (figures.limit(0.02), "at most 2.00 points"),
        (figures.chance(0.4213), "0.42"),
        (figures.chance(0.00099), "< 0.001"),
        (figures.change(0.0991), "-90.1%"),
        (figures.change(1.0), "0.0%"),
        (figures.versus(1.25), "25.0% more energy per answer than"),
        (figures.versus(1.0), "as much energy per answer as"),
        (figures.significant(0.0999999), "0.100"),
        (figures.significant(12345.6), "12,300"),
        (figures.significant(3.2e-9), "3.20e-09"),
        (figures.significant(0), "0"),
        (figures.ratio(1.0042), "1.004"),
        (figures.size(512), "512 bytes"),
        (figures.size(438_012_716), "438 MB"),
        (figures.size(7.2e9), "7.20 GB"),
        (figures.parameters(66_958_086), "67.0 million"),
        (figures.seconds(3599.6), "1 h 00 min"),
        (figures.seconds(185), "3 min 05 s"),
        (figures.seconds(4.2), "4.2 s"),
        (figures.level(0.975), "97.5%"),
        (figures.shown(None, figures.percent), "not measured"),
        (figures.shown(math.nan, figures.percent), "not measured"),
        (figures.when("2026-11-23T22:14:07+01:00"), "2026-11-23 21:14 UTC"),
        (figures.when("yesterday"), "yesterday"),
        (figures.moment(10**30), f"{10**30} ms after 1970"),
        (figures.plain({"a_b": None, "c": [True, 0.5]}), "a b not set, c yes, 0.5"),
        (figures.plain(math.inf), "not a number"),
        (figures.excerpt("a\n b " + "x" * 300, 10), "a b xxxxx…"),
    ],
)
def test_words(found: str, expected: str) -> None:
    assert found.replace(figures.GAP, " ").replace(figures.MINUS, "-") == expected


@given(st.floats(min_value=1e-9, max_value=1e12))
def test_significant_keeps_three_digits(value: float) -> None:
    text = figures.significant(value).replace(",", "").replace(figures.MINUS, "-")
    assert float(text) == pytest.approx(value, rel=0.0051)
