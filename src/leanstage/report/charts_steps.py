"""Charts of the way to a candidate: the waterfall over its steps, and cost against loss."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from leanstage.report.charts import (
    BAR_ROW,
    Series,
    axis,
    frame,
    rect,
    row_text,
    text,
    vertical,
)

_PLOT = 300
"""Height of the plot of cost against loss, in pixels."""
_TOP = 28


@dataclass(frozen=True)
class Fall:
    """One row of a waterfall: what it leads from and to; None where that is unknown.

    A row with ``start`` 0 is a whole bar; any other is what a step took away or added.
    """

    label: str
    start: float | None
    end: float | None
    figure: str
    series: Series
    more: str = ""


@dataclass(frozen=True)
class Point:
    """One setting in the plot, with its number in the tables."""

    x: float
    y: float
    number: str
    series: Series
    chosen: bool = False
    fits: bool = True


def waterfall(anchor: str, title: str, description: str, rows: Sequence[Fall]) -> Markup:
    """Floating bars from zero, one row each, joined by a line where one begins at another's end."""
    known = [value for row in rows for value in (row.start, row.end) if value is not None]
    most = max(known, default=0.0) or 1.0
    parts = []
    for index, row in enumerate(rows):
        top = index * BAR_ROW
        parts.append(row_text(top + 14, row.label, row.figure, row.more))
        parts.append(rect("track", top + 22, 100.0))
        if row.start is None or row.end is None:
            continue
        low, high = sorted((row.start, row.end))
        if high > low:
            left, width = 100.0 * low / most, 100.0 * (high - low) / most
            parts.append(rect(f"fill {row.series}", top + 22, width, left))
        following = rows[index + 1].start if index + 1 < len(rows) else None
        if following:
            parts.append(vertical("join", 100.0 * row.end / most, top + 34, top + BAR_ROW + 22))
    return frame(anchor, title, description, len(rows) * BAR_ROW, parts)


def scatter(
    anchor: str,
    title: str,
    description: str,
    points: Sequence[Point],
    front: Sequence[tuple[float, float]],
    x_tick: Callable[[float], str],
    y_tick: Callable[[float], str],
) -> Markup:
    """Points with their numbers, and the stairs through ``front``, given from left to right."""
    x_low, x_high, x_step = axis([0.0, *(p.x for p in points)])
    y_low, y_high, y_step = axis([0.0, *(p.y for p in points)])
    bottom = _TOP + _PLOT

    def across(value: float) -> float:
        return 11.0 + 85.0 * (value - x_low) / (x_high - x_low)

    def down(value: float) -> float:
        return round(_TOP + _PLOT * (value - y_low) / (y_high - y_low), 2)

    parts = []
    for index in range(round((x_high - x_low) / x_step) + 1):
        value = x_low + index * x_step
        parts.append(vertical("grid", across(value), _TOP, bottom))
        parts.append(text("tick", across(value), bottom + 18, x_tick(value), "middle"))
    for index in range(round((y_high - y_low) / y_step) + 1):
        value = y_low + index * y_step
        parts.append(_level("grid", 11.0, 96.0, down(value)))
        parts.append(text("tick", 10.0, down(value) + 4, y_tick(value), "end"))
    for (x, y), (next_x, next_y) in pairwise(front):
        parts.append(_level("front", across(x), across(next_x), down(y)))
        parts.append(vertical("front", across(next_x), *sorted((down(y), down(next_y)))))
    for point in points:
        parts.append(_mark(point, across(point.x), down(point.y)))
    return frame(anchor, title, description, bottom + 26, parts)


def _mark(point: Point, x: float, y: float) -> str:
    kind = " chosen" if point.chosen else "" if point.fits else " open-dot"
    ring = '<circle class="ring" r="9"/>' if point.chosen else ""
    return (
        f'<svg x="{x:.2f}%" y="{y}" class="open">{ring}'
        f'<circle class="dot {point.series}{kind}" r="5"/></svg>'
        + text("number-mark", x, y - (14 if point.chosen else 11), point.number, "middle")
    )


def _level(name: str, x1: float, x2: float, y: float) -> str:
    return f'<line class="{name}" x1="{x1:.2f}%" x2="{x2:.2f}%" y1="{y}" y2="{y}"/>'
