"""Readings of a counter by the moments of their scrape, and what a window between them took."""

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean
from typing import NamedTuple

from leanstage.energy.meters.base import MeterError
from leanstage.prometheus import Series

Points = dict[float, float]
"""Joules by the Unix seconds of their scrape."""


class Step(NamedTuple):
    """What a window took, and how far the scatter of the readings around it leaves that open."""

    joules: float
    error_joules: float
    """Standard error."""


def step(points: Points, before: Sequence[float], after: Sequence[float], seconds: float) -> Step:
    """The step that a window of ``seconds`` makes between readings ``before`` and ``after`` it.

    Least squares of two lines with one slope, which is the power of the quiet; the step between
    them is added to what the quiet's power would have come to in the window. Its error is that of
    a difference of two means plus that of the slope, over the time that the window does not fill.
    """
    sides = [[(at, points[at]) for at in moments] for moments in (before, after)]
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


def news(points: Points) -> Points:
    """Without the scrapes that found what the one before had found."""
    return {at: value for (_, last), (at, value) in pairwise(points.items()) if value != last}
