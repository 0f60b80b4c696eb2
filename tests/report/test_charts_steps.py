"""The waterfall and the plot of cost against loss."""

import re
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from leanstage.contracts import Verdict
from leanstage.report import ReportInputs, render_html
from leanstage.report.charts_steps import Fall, Point, scatter, waterfall
from leanstage.report.figures import level, point_tick

MakeInputs = Callable[[Verdict], ReportInputs]
SHARE = re.compile(r'(?:x|x1|x2)="(-?[\d.]+)%"')
LEVEL = re.compile(r'(?<!\w)(?:y|y1|y2)="(-?[\d.]+)"')
FILL = re.compile(r'class="fill (\w+)" x="([\d.]+)%" y="\d+" width="([\d.]+)%"')


def test_a_step_floats_between_what_it_was_given_and_what_it_left() -> None:
    rows = [
        Fall("Baseline", 0.0, 1.0, "100%", "baseline"),
        Fall("Distill", 1.0, 0.6, "-40", "reference"),
        Fall("Prune", 0.6, 0.6, "unchanged", "other"),
        Fall("Quantize", 0.6, 0.75, "+15", "other"),
        Fall("Candidate", 0.0, 0.75, "75%", "candidate"),
    ]
    svg = waterfall("w", "Title", "Words", rows)
    assert FILL.findall(svg) == [
        ("baseline", "0.00", "100.00"),
        ("reference", "60.00", "40.00"),
        ("other", "60.00", "15.00"),
        ("candidate", "0.00", "75.00"),
    ]
    # Joined from step to step, not to the whole bar at the end.
    assert svg.count('class="join"') == 3


def test_an_unknown_step_draws_nothing() -> None:
    rows = [
        Fall("Baseline", 0.0, 1.0, "100%", "baseline"),
        Fall("Distill", None, None, "?", "other"),
    ]
    assert len(FILL.findall(waterfall("w", "Title", "Words", rows))) == 1


def test_steps_that_make_it_dearer_stay_inside() -> None:
    rows = [Fall("Baseline", 0.0, 1.0, "", "baseline"), Fall("Quantize", 1.0, 2.5, "", "other")]
    assert FILL.findall(waterfall("w", "Title", "Words", rows)) == [
        ("baseline", "0.00", "40.00"),
        ("other", "40.00", "60.00"),
    ]


@given(st.lists(st.tuples(st.floats(0.01, 20), st.floats(-0.2, 0.9)), min_size=1, max_size=12))
def test_every_point_stays_inside(places: list[tuple[float, float]]) -> None:
    points = [Point(x, y, str(n), "reference") for n, (x, y) in enumerate(places)]
    front = sorted(places)[:3]
    svg = scatter("s", "Title", "Words", points, front, level, point_tick)
    shares = [float(found) for found in SHARE.findall(svg)]
    levels = [float(found) for found in LEVEL.findall(svg)]
    height = float(re.search(r'height="(\d+)"', svg)[1])  # type: ignore[index]
    assert min(shares) >= 0
    assert max(shares) <= 100
    assert min(levels) >= 0
    assert max(levels) <= height
    assert svg.count("<circle") == len(points)


def test_a_smaller_loss_stands_higher_and_a_smaller_cost_further_left() -> None:
    points = [Point(0.2, 0.01, "1", "reference"), Point(0.9, 0.002, "2", "reference")]
    svg = scatter("s", "Title", "Words", points, [], level, point_tick)
    (x1, y1), (x2, y2) = re.findall(r'<svg x="([\d.]+)%" y="([\d.]+)" class="open">', svg)
    assert float(x1) < float(x2)
    assert float(y1) > float(y2)


def test_the_report_rings_the_last_setting_that_was_kept(make_inputs: MakeInputs) -> None:
    page = render_html(make_inputs("PROMOTE_OPTIMIZED"))
    assert page.count('class="ring"') == 1
    chosen = re.search(r'class="ring".*?class="number-mark"[^>]*>(\d+)<', page)
    assert chosen is not None
    assert chosen[1] == "5"
    assert "Not in the picture, for want of a time or of an evaluation: 4, 6." in page
