"""Readings of a counter by the moments of their scrape, and what a window between them took."""

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean

from leanstage.energy.meters.base import MeterError
from leanstage.prometheus import Series

Points = dict[float, float]
"""Joules by the Unix seconds of their scrape."""


def step_joules(
    points: Points, before: Sequence[float], after: Sequence[float], seconds: float
) -> float:
    """Joules of a window of ``seconds`` between readings ``before`` and ``after`` it.

    Least squares of two lines with one slope, which is the power of the quiet; the step between
    them is added to what the quiet's power would have come to in the window.
    """
    sides = [[(at, points[at]) for at in moments] for moments in (before, after)]
    means = [tuple(map(fmean, zip(*side, strict=True))) for side in sides]
    around = [
        (at - mean_at, joules - mean_joules)
        for side, (mean_at, mean_joules) in zip(sides, means, strict=True)
        for at, joules in side
    ]
    quiet_watts = sum(x * y for x, y in around) / sum(x * x for x, _ in around)
    levels = [joules - quiet_watts * at for at, joules in means]
    return levels[1] - levels[0] + quiet_watts * seconds


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
