"""The trade-off curve: what every setting costs and loses, whatever became of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from markupsafe import Markup

from leanstage.report.charts import axis, frame, text, vertical
from leanstage.report.escape import html
from leanstage.report.labels import Labels

Kind = Literal["baseline", "kept", "fits", "misses", "unasked"]

_SHAPES: dict[Kind, str] = {
    "baseline": "M-4.5 -4.5H4.5V4.5H-4.5Z",
    "kept": "M-5 0A5 5 0 1 0 5 0A5 5 0 1 0 -5 0Z",
    "fits": "M0 -6L6 0L0 6L-6 0Z",
    "misses": "M-4.5 -4.5L4.5 4.5M4.5 -4.5L-4.5 4.5",
    "unasked": "M-4 0A4 4 0 1 0 4 0A4 4 0 1 0 -4 0Z",
}
"""Told apart by shape, so that a print or an eye without colours loses nothing."""
_LEFT, _RIGHT = 11.0, 96.0
_TOP, _PLOT, _STRIP = 28, 300, 44
_MOST_X = 2.0
"""Costs beyond twice the baseline's stand at the edge: they would push the rest together."""
_LIMITS_SHOWN = 4.0
"""So do losses beyond so many times the widest limit."""


@dataclass(frozen=True)
class Mark:
    """One setting: its number in the tables, and its figures in words for who points at it.

    ``y`` is None where nothing was evaluated; ``error`` is the standard error of ``y``.
    """

    x: float
    y: float | None
    number: str
    kind: Kind
    words: str
    error: float = 0.0
    chosen: bool = False


@dataclass(frozen=True)
class Bound:
    """A level that settings must not fall below, with its label."""

    value: float
    label: str


def trade_off(
    anchor: str,
    title: str,
    description: str,
    marks: Sequence[Mark],
    front: Sequence[tuple[float, float]],
    bounds: Sequence[Bound],
    x_tick: Callable[[float], str],
    y_tick: Callable[[float], str],
) -> Markup:
    """Marks over cost and loss, the stairs through ``front``, and lines at the ``bounds``."""
    asked = [mark for mark in marks if mark.y is not None]
    plane = _Plane(asked, bounds, max((mark.x for mark in marks), default=1.0))
    bottom = _TOP + _PLOT
    strip = len(asked) < len(marks)
    ticks = bottom + (_STRIP if strip else 0)
    labels = Labels()
    parts = plane.grid(ticks, x_tick, y_tick)
    for bound in bounds:
        level = plane.down(bound.value)
        parts.append(_level("limit hard", _LEFT, _RIGHT, level))
        parts.append(text("mark hard", _RIGHT, level - 8, bound.label, "end"))
        labels.keep_free(_RIGHT, level - 8, bound.label, "end")
        labels.keep_free_between(_LEFT, _RIGHT, level - 1, level + 1)
    for (x, y), (next_x, next_y) in pairwise(plane.inside(front)):
        here, there = plane.down(y), plane.down(next_y)
        parts.append(_level("front", plane.across(x), plane.across(next_x), here))
        parts.append(vertical("front", plane.across(next_x), *sorted((here, there))))
    if strip:
        parts.append(text("tick", _LEFT, bottom + 16, "Not evaluated", "start"))
        labels.keep_free(_LEFT, bottom + 16, "Not evaluated", "start")
    placed = [
        (m, plane.across(m.x), bottom + 32 if m.y is None else plane.down(m.y)) for m in marks
    ]
    for mark, x, y in placed:
        labels.keep_free_between(x, x, y - 5, y + 5)
        if mark.y is not None and mark.error > 0:
            ends = plane.down(mark.y - mark.error), plane.down(mark.y + mark.error)
            parts.append(vertical(f"error {mark.kind}", x, *ends))
            labels.keep_free_between(x, x, *ends)
    for mark, x, y in sorted(placed, key=lambda each: _RANK.index(each[0].kind)):
        parts.append(_drawn(mark, x, y, plane.beyond(mark)))
        parts.append(labels.beside(x, y, mark.number, needed=mark.kind in ("baseline", "kept")))
    return frame(anchor, title, description, ticks + 26, parts)


_RANK: tuple[Kind, ...] = ("baseline", "kept", "fits", "misses", "unasked")


class _Plane:
    """Where cost and loss stand in the picture; what is beyond its ends stands at them."""

    def __init__(self, asked: Sequence[Mark], bounds: Sequence[Bound], most_x: float) -> None:
        ends = [0.0, *(bound.value for bound in bounds)]
        for mark in asked:
            ends += [(mark.y or 0.0) - mark.error, (mark.y or 0.0) + mark.error]
        widest = max((bound.value for bound in bounds), default=0.0)
        most = max(ends) if widest <= 0 else min(max(ends), _LIMITS_SHOWN * widest)
        least = min(ends) if widest <= 0 else max(min(ends), -_LIMITS_SHOWN * widest)
        self._x = axis([0.0, 1.0, min(most_x, _MOST_X)])
        self._y = axis([least, most])

    def across(self, value: float) -> float:
        """Percent of the width."""
        low, high, _ = self._x
        return _LEFT + (_RIGHT - _LEFT) * (min(value, high) - low) / (high - low)

    def down(self, value: float) -> float:
        """Pixels from the top: the larger the loss, the lower."""
        low, high, _ = self._y
        return round(_TOP + _PLOT * (min(max(value, low), high) - low) / (high - low), 2)

    def beyond(self, mark: Mark) -> bool:
        """Whether a mark stands at an end for want of room."""
        low, high, _ = self._y
        outside = mark.y is not None and not low <= mark.y <= high
        return outside or mark.x > self._x[1]

    def inside(self, front: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
        """What of a front has its place in the picture."""
        low, high, _ = self._y
        return [(x, y) for x, y in front if low <= y <= high]

    def grid(
        self, ticks: float, x_tick: Callable[[float], str], y_tick: Callable[[float], str]
    ) -> list[str]:
        """Lines and figures along both axes; those of the costs stand below ``ticks``."""
        parts = []
        low, high, step = self._x
        for value in (low + n * step for n in range(round((high - low) / step) + 1)):
            parts.append(vertical("grid", self.across(value), _TOP, ticks))
            parts.append(text("tick", self.across(value), ticks + 18, x_tick(value), "middle"))
        low, high, step = self._y
        for value in (low + n * step for n in range(round((high - low) / step) + 1)):
            parts.append(_level("grid", _LEFT, _RIGHT, self.down(value)))
            parts.append(text("tick", _LEFT - 1, self.down(value) + 4, y_tick(value), "end"))
        return parts


def _drawn(mark: Mark, x: float, y: float, beyond: bool) -> str:
    ring = '<circle class="ring" r="9"/>' if mark.chosen else ""
    arrow = '<path class="beyond" d="M9 -3L14 0L9 3"/>' if beyond else ""
    return (
        f'<svg x="{x:.2f}%" y="{y}" class="open"><title>{html(mark.words)}</title>{ring}{arrow}'
        f'<path class="shape {mark.kind}" d="{_SHAPES[mark.kind]}"/></svg>'
    )


def _level(name: str, x1: float, x2: float, y: float) -> str:
    return f'<line class="{name}" x1="{x1:.2f}%" x2="{x2:.2f}%" y1="{y}" y2="{y}"/>'
