"""Inline SVG without a view box: positions are percentages, so text keeps its size on a phone."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

from leanstage.report.escape import html

Series = Literal["baseline", "reference", "candidate", "other"]

BAR_ROW = 44
_SPAN_ROW = 50
_LINE_ROW = 18
_AXIS = 26
_NARROWEST = 1e-9
"""Values closer than this are one value."""


@dataclass(frozen=True)
class Bar:
    """One bar with the figure printed at its end; ``value`` None draws no bar."""

    label: str
    value: float | None
    figure: str
    series: Series


@dataclass(frozen=True)
class Span:
    """One interval with its point; ``bound`` marks a one-sided bound.

    ``interval`` are its ends in words, left out on a phone.
    """

    label: str
    low: float
    high: float
    point: float
    figure: str
    series: Series
    bound: float | None = None
    interval: str = ""


@dataclass(frozen=True)
class Limit:
    """A vertical line with its label."""

    value: float
    label: str
    style: Literal["zero", "soft", "hard"]


def bars(anchor: str, title: str, description: str, items: Sequence[Bar]) -> Markup:
    """Horizontal bars from zero, one row each."""
    most = max((item.value or 0.0 for item in items), default=0.0) or 1.0
    parts = []
    for row, item in enumerate(items):
        top = row * BAR_ROW
        parts.append(row_text(top + 14, item.label, item.figure))
        parts.append(rect("track", top + 22, 100.0))
        if item.value is not None and item.value > 0:
            parts.append(rect(f"fill {item.series}", top + 22, 100.0 * item.value / most))
    return frame(anchor, title, description, len(items) * BAR_ROW, parts)


def intervals(
    anchor: str,
    title: str,
    description: str,
    spans: Sequence[Span],
    limits: Sequence[Limit],
    tick: Callable[[float], str],
    origin: float | None = None,
) -> Markup:
    """Intervals on one axis that takes in ``origin``, with lines to read them against."""
    values = [v for s in spans for v in (s.low, s.high, s.point, s.bound) if v is not None]
    values += [limit.value for limit in limits]
    low, high, step = axis(values if origin is None else [*values, origin])

    def at(value: float) -> float:
        return 3.0 + 94.0 * (value - low) / (high - low)

    top = len(limits) * _LINE_ROW + 8
    bottom = top + len(spans) * _SPAN_ROW
    parts = []
    for index in range(round((high - low) / step) + 1):
        value = low + index * step
        parts.append(vertical("grid", at(value), top, bottom))
        parts.append(text("tick", at(value), bottom + 18, tick(value), "middle"))
    for row, limit in enumerate(limits):
        base = row * _LINE_ROW + 13
        x = at(limit.value)
        parts.append(vertical(f"limit {limit.style}", x, base - 9, bottom))
        left = x > 50.0
        parts.append(
            text(
                f"mark {limit.style}",
                x + (-1.2 if left else 1.2),
                base,
                limit.label,
                "end" if left else "start",
            )
        )
    for row, item in enumerate(spans):
        parts.extend(_span(item, top + row * _SPAN_ROW, at))
    return frame(anchor, title, description, bottom + _AXIS, parts)


def _span(item: Span, top: float, at: Callable[[float], float]) -> list[str]:
    middle = top + 34
    parts = [row_text(top + 16, item.label, item.figure, item.interval)]
    parts.append(
        f'<line class="whisker {item.series}" x1="{at(item.low):.2f}%" x2="{at(item.high):.2f}%" '
        f'y1="{middle}" y2="{middle}"/>'
    )
    for end in (item.low, item.high):
        parts.append(vertical(f"whisker {item.series}", at(end), middle - 5, middle + 5))
    if item.bound is not None:
        parts.append(
            f'<svg x="{at(item.bound):.2f}%" y="{middle}" class="open">'
            '<path class="bound" d="M0 -6 L6 0 L0 6 L-6 0 Z"/></svg>'
        )
    parts.append(
        f'<circle class="dot {item.series}" cx="{at(item.point):.2f}%" cy="{middle}" r="5"/>'
    )
    return parts


def axis(values: Sequence[float]) -> tuple[float, float, float]:
    """Round limits around ``values`` and the step of the ticks (four to six of them)."""
    low, high = min(values), max(values)
    if high - low < _NARROWEST:
        low, high = low - 0.5, high + 0.5
    rough = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1.0, 2.0, 5.0, 10.0) if m * power >= rough * 0.999)
    return math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step, step


def frame(anchor: str, title: str, description: str, height: float, parts: list[str]) -> Markup:
    """The picture around ``parts``, with its title and its figures in words."""
    body = "".join(parts)
    return Markup(
        f'<svg class="chart" role="img" width="100%" height="{height}" '
        f'aria-labelledby="{anchor}-title {anchor}-desc">'
        f'<title id="{anchor}-title">{html(title)}</title>'
        f'<desc id="{anchor}-desc">{html(description)}</desc>{body}</svg>'
    )


def rect(name: str, y: float, width: float, x: float = 0.0) -> str:
    """A bar of a row; ``width`` and ``x`` in percent."""
    place = f'x="{x:.2f}%" y="{y}" width="{width:.2f}%"'
    return f'<rect class="{name}" {place} height="12" rx="3"/>'


def vertical(name: str, x: float, y1: float, y2: float) -> str:
    """A line at ``x`` percent."""
    return f'<line class="{name}" x1="{x:.2f}%" x2="{x:.2f}%" y1="{y1}" y2="{y2}"/>'


def text(name: str, x: float, y: float, words: str, anchor: str, more: str = "") -> str:
    """Words at ``x`` percent; ``more`` is left out on a phone."""
    rest = f'<tspan class="more"> ({html(more)})</tspan>' if more else ""
    place = f'x="{x:.2f}%" y="{y}" text-anchor="{anchor}"'
    return f'<text class="{name}" {place}>{html(words)}{rest}</text>'


def row_text(y: float, label: str, figure: str, more: str = "") -> str:
    """The label of a row on the left, its figure on the right."""
    return text("label", 0, y, label, "start") + text("figure", 100, y, figure, "end", more)
