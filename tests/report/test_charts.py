"""Charts stay inside their frame and carry their figures in words."""

import re

from hypothesis import given
from hypothesis import strategies as st

from leanstage.report import charts
from leanstage.report.figures import ratio_tick

SHARE = re.compile(r'(?:x|x1|x2|cx|width)="(-?[\d.]+)%"')
finite = st.floats(min_value=-50, max_value=50)


@given(low=finite, high=finite, limit=finite, bound=finite)
def test_intervals_stay_inside(low: float, high: float, limit: float, bound: float) -> None:
    low, high = sorted((low, high))
    svg = charts.intervals(
        "a",
        "Title",
        "Words",
        [charts.Span("Label", low, high, (low + high) / 2, "figure", "candidate", bound)],
        [charts.Limit(limit, "Limit", "hard"), charts.Limit(0.0, "Zero", "zero")],
        ratio_tick,
    )
    shares = [float(found) for found in SHARE.findall(svg)]
    assert min(shares) >= 0
    assert max(shares) <= 100.01
    assert 2 <= svg.count('class="tick"') <= 8


def test_bars_are_proportional_and_a_gap_has_none() -> None:
    svg = charts.bars(
        "b",
        "Title",
        "Words",
        [
            charts.Bar("One", 4.0, "4 J", "baseline"),
            charts.Bar("Half", 2.0, "2 J", "candidate"),
            charts.Bar("Gap", None, "not recorded", "other"),
        ],
    )
    fills = re.findall(r'class="fill (\w+)".*?width="([\d.]+)%"', svg)
    assert fills == [("baseline", "100.00"), ("candidate", "50.00")]
    assert "not recorded" in svg


def test_text_is_escaped() -> None:
    svg = charts.bars("c", "<b>", '"&', [charts.Bar("<i>", 1.0, "<u>", "baseline")])
    assert not re.search(r"<[biu]>", svg)
    assert "&lt;i&gt;" in svg


def test_the_interval_in_words_can_be_left_out() -> None:
    span = charts.Span("L", 0.0, 2.0, 1.0, "1", "other", interval="0 to <2")
    svg = charts.intervals("e", "T", "D", [span], [], ratio_tick)
    assert '>1<tspan class="more"> (0 to &lt;2)</tspan></text>' in svg


def test_one_value_alone_has_an_axis() -> None:
    svg = charts.intervals(
        "d", "T", "D", [charts.Span("L", 0.0, 0.0, 0.0, "0", "other")], [], ratio_tick
    )
    assert svg.count('class="tick"') >= 2
