"""Readings of a counter by the moments of their scrape, and what a window between them took."""

import math
from collections.abc import Sequence
from itertools import accumulate, pairwise
from statistics import fmean, linear_regression, median
from typing import NamedTuple

from leanstage.energy.meters.base import MeterError
from leanstage.prometheus import Series

Points = dict[float, float]
"""Joules by the Unix seconds of their scrape."""

_GAP = 2.5
"""Times the median time between readings."""


class Step(NamedTuple):
    """What a window took, and how far the scatter of the readings around it leaves that open."""

    joules: float
    error_joules: float
    """Standard error."""


def step(
    before: Sequence[tuple[float, float]], after: Sequence[tuple[float, float]], seconds: float
) -> Step:
    """The step that a window of ``seconds`` makes between readings on either side of it.

    Least squares of two lines with one slope, which is the power of the quiet; the step between
    them is added to what the quiet's power would have come to in the window. Its error is that of
    a difference of two means plus that of the slope, over the time that the window does not fill.

    Args:
        before: moments in seconds, and joules.
        after: likewise.
        seconds: of the window.
    """
    sides = (before, after)
    means = [tuple(map(fmean, zip(*side, strict=True))) for side in sides]
    around = [
        (at - mean_at, joules - mean_joules)
        for side, (mean_at, mean_joules) in zip(sides, means, strict=True)
        for at, joules in side
    ]
    spread = sum(x * x for x, _ in around)
    quiet_watts = sum(x * y for x, y in around) / spread
    levels = [joules - quiet_watts * at for at, joules in means]
    scatter = sum((y - quiet_watts * x) ** 2 for x, y in around) / (len(around) - 3)
    bridged_seconds = means[1][0] - means[0][0] - seconds
    variance = scatter * (1 / len(before) + 1 / len(after) + bridged_seconds**2 / spread)
    return Step(levels[1] - levels[0] + quiet_watts * seconds, math.sqrt(variance))


def summed(series: Sequence[Series]) -> Points:
    """Several series of one exporter as one.

    Raises:
        MeterError: they were not scraped together, as when a container comes or goes.
    """
    moments = [list(one.points) for one in series]
    if any(own != moments[0] for own in moments):
        raise MeterError("Prometheus: the series of one counter came or went while it was read.")
    return {at: math.fsum(one.points[at] for one in series) for at in moments[0]}


def pace_seconds(moments: Sequence[float]) -> float:
    """Mean time between moments, apart from gaps."""
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    most = _GAP * median(gaps)
    return fmean(gap for gap in gaps if gap <= most)


def evened(moments: Sequence[float]) -> dict[float, float]:
    """When an exporter refreshed, by the moments at which scrapes first saw that it had.

    It refreshes at an even pace, which scrapes that do not keep step with it see unevenly: the
    moments are laid on a line over their count.
    """
    pace = pace_seconds(moments)
    steps = (max(1, round((later - earlier) / pace)) for earlier, later in pairwise(moments))
    counts = list(accumulate(steps, initial=0))
    slope, start = linear_regression(counts, moments)
    return {at: start + slope * count for at, count in zip(moments, counts, strict=True)}


def since_reset(points: Points) -> Points:
    """What came after a counter last went back."""
    falls = [at for (_, last), (at, value) in pairwise(points.items()) if value < last]
    return {at: value for at, value in points.items() if not falls or at >= falls[-1]}


def news(points: Points) -> Points:
    """Without the scrapes that found what the one before had found."""
    return {at: value for (_, last), (at, value) in pairwise(points.items()) if value != last}
