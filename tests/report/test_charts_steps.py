"""The waterfall over the steps."""

import re

from leanstage.report.charts_steps import Fall, waterfall

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
