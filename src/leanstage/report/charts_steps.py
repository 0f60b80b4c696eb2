"""The waterfall over the steps to a candidate."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from leanstage.report.charts import (
    BAR_ROW,
    Series,
    frame,
    rect,
    row_text,
    vertical,
)


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
