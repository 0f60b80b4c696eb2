"""The trade-off curve, from two settings to fifty."""

import re
from collections.abc import Callable
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leanstage.contracts import Verdict
from leanstage.report import ReportInputs, render_html
from leanstage.report.charts_tried import Bound, Kind, Mark, trade_off
from leanstage.report.figures import level, point_tick

MakeInputs = Callable[[Verdict], ReportInputs]
SHARE = re.compile(r'(?:x|x1|x2)="(-?[\d.]+)%"')
LEVEL = re.compile(r'(?<!\w)(?:y|y1|y2)="(-?[\d.]+)"')
PLACE = re.compile(r'<svg x="([\d.]+)%" y="([\d.]+)" class="open">')
LIMITS = [Bound(0.005, "limit of one"), Bound(0.01, "limit of all")]


def drawn(*marks: Mark, front: tuple[tuple[float, float], ...] = ()) -> str:
    return trade_off("s", "Title", "Words", marks, front, LIMITS, level, point_tick)


def mark(x: float, y: float | None, kind: Kind = "misses", **more: object) -> Mark:
    return Mark(x, y, "1", kind, "words", **more)  # type: ignore[arg-type]


losses = st.none() | st.floats(-0.2, 0.9)


@given(
    st.lists(
        st.tuples(st.floats(0.01, 20), losses, st.floats(0, 0.3), st.sampled_from(get_args(Kind))),
        min_size=1,
        max_size=50,
    )
)
def test_everything_stays_inside_and_no_setting_is_left_out(
    places: list[tuple[float, float | None, float, Kind]],
) -> None:
    marks = [
        Mark(x, y, str(n), kind, f"setting {n}", error=error)
        for n, (x, y, error, kind) in enumerate(places)
    ]
    front = tuple(sorted((x, y) for x, y, _, _ in places if y is not None)[:3])
    svg = drawn(*marks, front=front)
    shares = [float(found) for found in SHARE.findall(svg)]
    levels = [float(found) for found in LEVEL.findall(svg)]
    height = float(re.search(r'height="(\d+)"', svg)[1])  # type: ignore[index]
    assert 0 <= min(shares) <= max(shares) <= 100
    assert 0 <= min(levels) <= max(levels) <= height
    assert svg.count('<path class="shape') == len(marks)
    assert all(f"<title>setting {n}</title>" in svg for n in range(len(marks)))


def test_a_smaller_loss_stands_higher_and_a_smaller_cost_further_left() -> None:
    (x1, y1), (x2, y2) = PLACE.findall(drawn(mark(0.2, 0.01), mark(0.9, 0.002)))
    assert float(x1) < float(x2)
    assert float(y1) > float(y2)


def test_what_fits_stands_above_the_line_that_it_must_not_cross() -> None:
    svg = drawn(mark(0.2, 0.004, "kept"), mark(0.3, 0.006))
    lines = re.findall(r'class="limit hard"[^>]* y1="([\d.]+)"', svg)
    assert len(lines) == 2
    (_, kept), (_, missed) = sorted(PLACE.findall(svg))
    assert float(kept) < float(lines[0]) < float(missed) < float(lines[1])


def test_outcomes_differ_in_shape_and_not_in_colour_alone() -> None:
    svg = drawn(*(mark(0.5, 0.001, kind) for kind in get_args(Kind)))
    shapes = dict(re.findall(r'<path class="shape (\w+)" d="([^"]+)"', svg))
    assert len(set(shapes.values())) == len(get_args(Kind))


def test_the_error_bar_is_one_standard_error_each_way() -> None:
    svg = drawn(mark(0.5, 0.005, "kept", error=0.002), mark(0.6, 0.003), mark(0.7, 0.007))
    low, high = map(float, re.findall(r'class="error kept".* y1="([\d.]+)" y2="([\d.]+)"', svg)[0])
    heights = [float(y) for _, y in sorted(PLACE.findall(svg))]
    assert (low, high) == (heights[1], heights[2])


def test_one_ruined_setting_does_not_press_the_others_together() -> None:
    svg = drawn(mark(0.5, 0.001, "kept"), mark(0.6, 0.005), mark(0.4, 0.5))
    assert svg.count('class="beyond"') == 1
    heights = [float(y) for _, y in sorted(PLACE.findall(svg))]
    assert heights[2] - heights[1] > 20


def test_a_setting_without_a_loss_has_a_place_of_its_own() -> None:
    svg = drawn(mark(0.5, 0.001, "kept"), mark(0.9, None, "unasked"))
    (_, kept), (_, unasked) = sorted(PLACE.findall(svg))
    assert float(unasked) > 328 > float(kept)
    assert "Not evaluated" in svg
    assert "Not evaluated" not in drawn(mark(0.5, 0.001, "kept"))


def test_the_report_rings_the_last_setting_that_was_kept(make_inputs: MakeInputs) -> None:
    page = render_html(make_inputs("PROMOTE_OPTIMIZED"))
    assert page.count('class="ring"') == 1
    ringed = re.search(r"<title>(\d+), Quantize[^<]*fits, kept</title><circle class=\"ring\"", page)
    assert ringed is not None
    assert ringed[1] == "5"
    assert "Not in the picture, for want of a time: 4." in page
    for words in ("Distill: at most 0.50 points", "Prune, Quantize: at most 1.00 points"):
        assert words in page


@pytest.mark.parametrize("known", [True, False])
def test_without_any_time_the_picture_goes_by_size(known: bool, make_inputs: MakeInputs) -> None:
    inputs = make_inputs("PROMOTE_OPTIMIZED")
    record = inputs.candidates["optimized"]
    steps = tuple(
        step.model_copy(
            update={
                "input_ms_per_answer": None,
                "trials": tuple(
                    trial if known else trial.model_copy(update={"parameters": None})
                    for trial in step.trials
                ),
            }
        )
        for step in record.manifest.lineage
    )
    manifest = record.manifest.model_copy(update={"lineage": steps})
    inputs.candidates["optimized"] = type(record)(manifest, record.evaluation, record.energy)  # type: ignore[index]
    page = render_html(inputs)
    assert ("Loss against parameters, every setting" in page) == known
    assert "Loss against time per answer" not in page
    assert ("for want of a time and a size: 4, 5, 6." in page) == known
