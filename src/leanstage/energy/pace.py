"""How the workers are asked, and how long that takes at least."""

import os
from collections.abc import Callable
from typing import NamedTuple

from leanstage.energy.loads import SINGLE, LoadKind
from leanstage.energy.meters import METER_VARIABLE, Meter
from leanstage.energy.schedule import seconds_at_rate
from leanstage.errors import InputError

_LONGEST_UNASKED_SECONDS = 3600.0

Progress = Callable[[str, float], None]


class Pace(NamedTuple):
    """How the workers are asked.

    Attributes:
        batch_size: rows per call in the judged windows.
        window_seconds: shortest judged window.
        warm_up_seconds: longest warm-up of an arm, unless 10 passes take longer.
        beside: other loads, each measured in every block.
        elsewhere: another machine answers, whose processor time no worker knows.
        tokens_per_answer: where models write.
    """

    batch_size: int
    window_seconds: float
    warm_up_seconds: float
    beside: tuple[LoadKind, ...]
    elsewhere: bool = False
    tokens_per_answer: int | None = None


def least_seconds(arms: int, blocks: int, meter: Meter, pace: Pace) -> float:
    """How long the windows of a plan take, and the quiet around them; models may need longer."""
    lengths = [pace.window_seconds, *(window_seconds(kind, meter, pace) for kind in pace.beside)]
    around = 2 * meter.quiet_seconds
    rests = (blocks + 1) // 2
    return arms * blocks * sum(length + around for length in lengths) + rests * (
        pace.window_seconds + around
    )


def window_seconds(kind: LoadKind, meter: Meter, pace: Pace) -> float:
    """Shortest window at a load that is not judged."""
    if kind == SINGLE:
        return meter.min_window_seconds
    if kind.request_rate:
        shortest = seconds_at_rate(kind.request_rate, kind.batch_size)
        return max(shortest, pace.window_seconds)
    return pace.window_seconds


def require_bearable(seconds: float, meter: Meter, progress: Progress | None) -> None:
    """Say how long the windows take, and refuse hours of them that nobody asked for."""
    name = meter.info.name
    if seconds > _LONGEST_UNASKED_SECONDS and not os.environ.get(METER_VARIABLE, "").strip():
        raise InputError(
            f"Measuring by {name} takes {seconds / 3600:.1f} hours at least. Set {METER_VARIABLE} "
            f"to {name.partition('+')[0]} to have it take them, or to another meter (cpu-time "
            "takes minutes, where models answer on this machine); or ask for fewer blocks or "
            "shorter windows."
        )
    if progress is not None:
        progress(f"measuring by {name}: {seconds / 60:.1f} minutes of windows at least", 0.0)
