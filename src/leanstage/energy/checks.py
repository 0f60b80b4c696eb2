"""Plausibility: what has to hold before a comparison is evidence."""

import math
from collections.abc import Mapping, Sequence

from scipy import stats

from leanstage.contracts import Check, Ratio, Window
from leanstage.energy.meters import PowerRange
from leanstage.energy.resident import Run, WarmUp

_SLACK = 1.05
"""Clocks of the parent, the worker and the scheduler may differ by this much."""
_MOST_IDLE_CPU = 0.05
_CONTROL_TOLERANCE = 0.05
_CONTROL_CONFIDENCE = 0.999


def check_answers(runs: Sequence[Run]) -> Check:
    """Every row asked was answered with finite probabilities."""
    short = [run for run in runs if run.answers != run.planned]
    planned = sum(run.planned for run in runs)
    answered = sum(run.answers for run in runs)
    return Check(
        name="answers",
        passed=not short,
        detail=f"{answered} of {planned} planned answers; {len(short)} windows differ.",
    )


def check_cpu_time(windows: Sequence[Window], threads: int) -> Check:
    """No worker had more CPU time than the threads it may use offer."""
    most = max(window.cpu_seconds / window.wall_seconds for window in windows)
    return Check(
        name="cpu-time",
        passed=most <= threads * _SLACK,
        detail=f"At most {most:.2f} CPU seconds per second, of {threads} threads.",
    )


def check_power(windows: Sequence[Window], power: PowerRange) -> Check:
    """Mean power of every window lies within what the meter says is possible."""
    watts = [window.joules / window.wall_seconds for window in windows]
    return Check(
        name="power",
        passed=power.floor_watts / _SLACK <= min(watts)
        and max(watts) <= power.ceiling_watts * _SLACK,
        detail=(
            f"{min(watts):.2f} to {max(watts):.2f} W, possible: "
            f"{power.floor_watts:.2f} to {power.ceiling_watts:.2f} W."
        ),
    )


def check_idle(shares: Mapping[str, float]) -> Check:
    """Workers rest while another is measured; a spinning thread pool would spoil its window.

    Args:
        shares: CPU seconds per second of waiting, by arm.
    """
    worst = max(shares, key=lambda name: shares[name])
    return Check(
        name="idle-workers",
        passed=shares[worst] <= _MOST_IDLE_CPU,
        detail=f"Waiting, {worst} used {shares[worst]:.1%} of a thread, the others less.",
    )


def check_control(control: Ratio) -> Check:
    """A model against itself: the ratio is within 5% of 1, or 1 lies in its 99.9% interval.

    At 95% one sound measurement in twenty would fail by chance, and a run makes two. The first part
    keeps a very quiet machine from failing on a bias too small to matter.
    """
    low, high = _widened(control, _CONTROL_CONFIDENCE)
    return Check(
        name="control",
        passed=low <= 1 <= high or abs(control.ratio - 1) <= _CONTROL_TOLERANCE,
        detail=(
            f"A/A ratio {control.ratio:.3f}, {_CONTROL_CONFIDENCE:.1%} interval "
            f"{low:.3f} to {high:.3f}."
        ),
    )


def _widened(ratio: Ratio, confidence: float) -> tuple[float, float]:
    """The interval of ``ratio``, a 95% t-interval on the log scale, at another confidence."""
    quantiles = stats.t.ppf([(1 + confidence) / 2, 0.975], ratio.blocks - 1)
    low, high = map(math.log, ratio.ci95)
    half = (high - low) / 2 * float(quantiles[0] / quantiles[1])
    middle = math.log(ratio.ratio)
    return math.exp(middle - half), math.exp(middle + half)


def note_warm_up(warm_ups: Mapping[str, WarmUp]) -> Check:
    """Records the warm-up; it never fails.

    On a shared machine throughput may not settle within the time given, and the interval then
    shows the noise for what it is.
    """
    unsettled = [name for name, warm_up in warm_ups.items() if not warm_up.settled]
    fewest = min(warm_up.iterations for warm_up in warm_ups.values())
    state = f"not within 5% for {', '.join(unsettled)}" if unsettled else "all within 5%"
    return Check(
        name="warm-up",
        passed=True,
        detail=f"At least {fewest} batches each; three successive throughputs: {state}.",
    )
