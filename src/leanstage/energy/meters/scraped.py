"""Energy counters that Prometheus scrapes, read over windows with quiet on both sides.

A scrape shows a counter as its exporter last refreshed it, so that the ends of a window fall
between readings: ``increase()`` over a window of seconds loses a part of it. Here nothing runs for
a while before and after, lines of one slope (what the quiet draws) are laid through the readings
on either side, and the step between the lines is what the window took more than the quiet.
"""

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from statistics import fmean
from typing import NamedTuple

from leanstage.contracts import Check, MeterInfo
from leanstage.energy.meters.base import Meter, MeterError, Usage
from leanstage.energy.meters.readings import (
    Points,
    Step,
    evened,
    news,
    pace_seconds,
    since_reset,
    step,
    summed,
)
from leanstage.errors import LeanstageError
from leanstage.prometheus import Prometheus

_QUIET_PERIODS = 4
"""Before and after a window; twice the scrape interval and the exporter's, neither of which is
longer than the period after which a new reading shows."""
_MOST_PERIODS = 2.5
"""Without a new reading: more is a gap, or an exporter that has stopped."""
_LOOK_BACK_SECONDS = 600.0
_FEWEST_CHANGES = 4
_MIN_WINDOW_SECONDS = 6.0
_MOST_CLOCK_STEP_SECONDS = 0.5
_MOST_SCATTER = 0.05
"""Standard error of a window over its energy; what is left shows in the interval of the ratio."""


class ScrapedCounter(NamedTuple):
    """A counter of energy in Prometheus."""

    selector: str
    """Series whose sum is the energy in question."""
    pulse: str
    """Series of the same exporter that always move, which tells a stopped exporter from rest."""
    unit_joules: float
    """Of one count."""


class ScrapedMeter(Meter):
    """Reads a counter of Prometheus. Each window takes four periods more on either side.

    Moments are those of Prometheus's clock, so that a step of this machine's does no harm.

    Args:
        prometheus: where the counter is.
        counter: which it is.
        info: what it covers; how often it moves is added.

    Raises:
        MeterError: Prometheus cannot be asked, or has not seen the counter move for long enough.
    """

    def __init__(self, prometheus: Prometheus, counter: ScrapedCounter, info: MeterInfo) -> None:
        self._prometheus = prometheus
        self._counter = counter
        self._name = info.name
        self._period = pace_seconds(list(self._refreshes(0.0)))
        self.quiet_seconds = _QUIET_PERIODS * self._period
        self.min_window_seconds = max(_MIN_WINDOW_SECONDS, 2 * self._period)
        self.info = info.model_copy(
            update={
                "detail": (
                    f"{info.detail} {counter.selector} at {prometheus.where}, a new reading "
                    f"every {self._period:.3g} s; {self.quiet_seconds:.3g} s of quiet on either "
                    "side of a window, whose own draw is removed."
                )
            }
        )
        self._called: float | None = None
        self._began = self._began_here = 0.0
        self._steps: list[Step] = []
        self._own_joules = self._pulse_joules = 0.0

    def begin_window(self) -> None:
        self._called = self._now()
        time.sleep(self.quiet_seconds)
        self._began, self._began_here = self._now(), time.monotonic()

    def _read_joules(self, usage: Usage) -> float:
        if self._called is None:
            raise MeterError(f"{self._name} was asked to end a window that never began.")
        called, self._called = self._called, None
        ended = self._now()
        seconds = time.monotonic() - self._began_here
        if abs(ended - self._began - seconds) > _MOST_CLOCK_STEP_SECONDS:
            raise MeterError(
                f"{self._name}: the clock of Prometheus went {ended - self._began:.1f} s in a "
                f"window of {seconds:.1f} s; measure again."
            )
        time.sleep(self.quiet_seconds)
        now = self._now()
        own = self._joules(self._counter.selector, now - called + self._period)
        pulse = own
        if self._counter.pulse != self._counter.selector:
            pulse = self._joules(self._counter.pulse, now - called + self._period)
        refreshed = self._refreshes(now - called)
        self._require_unbroken(list(refreshed), called, now)
        moments = [at for at in refreshed if at in own and at in pulse]
        before = [at for at in moments if called + self._period <= at <= self._began]
        after = [at for at in moments if at >= ended + self._period]
        if min(len(before), len(after)) < 2:
            raise MeterError(
                f"{self._name}: Prometheus has {len(before)} readings before the window and "
                f"{len(after)} after it, where two are needed; measure again."
            )
        self._own_joules += own[after[0]] - own[before[-1]]
        self._pulse_joules += pulse[after[0]] - pulse[before[-1]]
        taken = step(
            [(refreshed[at], own[at]) for at in before],
            [(refreshed[at], own[at]) for at in after],
            ended - self._began,
        )
        self._steps.append(taken)
        return taken.joules

    def checks(self) -> tuple[Check, ...]:
        """How well the windows are known, and that a share of a node is no more than the node."""
        if not self._steps:
            return ()
        error = math.sqrt(fmean(step.error_joules**2 for step in self._steps))
        off = error / fmean(step.joules for step in self._steps)
        scatter = Check(
            name="scatter-of-readings",
            passed=abs(off) <= _MOST_SCATTER,
            detail=(
                f"The quiet's readings leave a window open by {error:.3g} J or {off:.1%} (standard "
                f"error), allowed is {_MOST_SCATTER:.0%}; scrape at a multiple of the exporter's "
                "interval, or measure longer windows, to know them better."
            ),
        )
        if self._counter.pulse == self._counter.selector:
            return (scatter,)
        share = Check(
            name="share-of-node",
            passed=self._own_joules <= self._pulse_joules,
            detail=(
                f"The windows took {self._own_joules:.0f} J of the {self._pulse_joules:.0f} J of "
                "the node."
            ),
        )
        return scatter, share

    def _refreshes(self, seconds: float) -> dict[float, float]:
        """When the exporter refreshed, by the scrape that first showed it; ten minutes or more."""
        with self._asking():
            series = self._prometheus.raw(self._counter.pulse, max(seconds, _LOOK_BACK_SECONDS))
        moments = list(news(since_reset(series[0].points))) if series else []
        if len(moments) < _FEWEST_CHANGES:
            raise MeterError(
                f"{self._name}: {self._counter.pulse} has moved {len(moments)} times in the last "
                f"{_LOOK_BACK_SECONDS / 60:.0f} minutes at {self._prometheus.where}, where "
                f"{_FEWEST_CHANGES} are needed; is its exporter scraped?"
            )
        return evened(moments)

    def _joules(self, selector: str, seconds: float) -> Points:
        with self._asking():
            series = self._prometheus.raw(selector, seconds)
        if not series:
            raise MeterError(f"{self._name}: {selector} is no longer at {self._prometheus.where}.")
        points = summed(series)
        for (_, earlier), (at, later) in pairwise(points.items()):
            if later < earlier or not math.isfinite(later):
                raise MeterError(
                    f"{self._name}: {selector} went from {earlier:g} to {later:g} at {at:.0f}, as "
                    "it does when its exporter starts anew; measure again."
                )
        return {at: value * self._counter.unit_joules for at, value in points.items()}

    def _require_unbroken(self, moments: Sequence[float], called: float, now: float) -> None:
        for earlier, later in pairwise([called, *(at for at in moments if at > called), now]):
            if later - earlier > _MOST_PERIODS * self._period:
                raise MeterError(
                    f"{self._name}: no new reading for {later - earlier:.1f} s, where one comes "
                    f"every {self._period:.3g} s; Prometheus or the exporter paused."
                )

    def _now(self) -> float:
        with self._asking():
            return self._prometheus.now()

    @contextmanager
    def _asking(self) -> Iterator[None]:
        try:
            yield
        except LeanstageError as error:
            raise MeterError(f"{self._name}: {error}") from error
