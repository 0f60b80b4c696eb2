"""Numbers beside marks."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leanstage.report.labels import Labels

PLACE = re.compile(
    r'class="([\w -]+)" x="([\d.]+)%" dx="(-?\d+)" y="([\d.-]+)" text-anchor="(\w+)">(\d+)<'
)
WIDTHS = {"desk": 6.4, "phone": 2.9}


def test_a_number_stands_above_its_mark_and_elsewhere_where_that_is_taken() -> None:
    labels = Labels()
    labels.keep_free_between(50.0, 50.0, 95.0, 105.0)
    found = "".join(labels.beside(50.0, 100.0, str(n), needed=False) for n in range(5))
    assert [(dx, y, anchor) for _, _, dx, y, anchor, _ in PLACE.findall(found)] == [
        ("0", "88", "middle"),
        ("0", "121", "middle"),
        ("13", "104", "start"),
        ("-13", "104", "end"),
    ], "there is no room for a fifth"
    assert labels.beside(50.0, 100.0, "6", needed=True)


def test_what_has_no_room_on_a_phone_is_left_out_there() -> None:
    labels = Labels()
    first, second = (labels.beside(x, 100.0, "10", needed=False) for x in (50.0, 52.5))
    assert 'class="number-mark"' in first
    assert 'class="number-mark more"' in second


@pytest.mark.parametrize("window", list(WIDTHS))
@given(places=st.lists(st.tuples(st.floats(11, 96), st.floats(28, 328)), max_size=50))
def test_no_two_numbers_overlap(window: str, places: list[tuple[float, float]]) -> None:
    labels = Labels()
    drawn = "".join(labels.beside(x, y, str(n), needed=False) for n, (x, y) in enumerate(places))
    boxes = []
    for name, x, dx, foot, anchor, words in PLACE.findall(drawn):
        if window == "phone" and "more" in name:
            continue
        width = 6.5 * len(words)
        left = float(x) * WIDTHS[window] + float(dx)
        left -= {"start": 0, "middle": 0.5, "end": 1}[anchor] * width
        boxes.append((left, float(foot), width))
    for index, (left, foot, width) in enumerate(boxes):
        for other, other_foot, other_width in boxes[index + 1 :]:
            apart = left + width <= other + 0.1 or other + other_width <= left + 0.1
            assert apart or abs(foot - other_foot) >= 10.9
