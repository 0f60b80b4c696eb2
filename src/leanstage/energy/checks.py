"""Plausibility: what has to hold before a comparison is evidence."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

from scipy import stats

from leanstage.contracts import Check, Idle, Ratio, Window, idle_watts
from leanstage.energy.ratios import costs_by_block

_SLACK = 1.05
"""Clocks of the parent, the worker and the scheduler may differ by this much."""
_MOST_IDLE_CPU = 0.05
_CONTROL_TOLERANCE = 0.05
_CONTROL_CONFIDENCE = 0.999
_MOST_LOG = 700.0
_MOST_OTHERS = 0.1
_LEAST_SEEN = 0.05
_STEADY_TOLERANCE = 0.05
_STEADY_CONFIDENCE = 0.999


def check_answers(windows: Sequence[Window]) -> Check:
    """Every row asked was answered with finite probabilities."""
    short = [window for window in windows if window.answers != window.asked]
    asked = sum(window.asked or 0 for window in windows)
    answered = sum(window.answers for window in windows)
    return Check(
        name="answers",
        passed=not short,
        detail=f"{answered} of {asked} rows asked were answered; {len(short)} windows differ.",
    )


def check_cpu_time(windows: Sequence[Window], threads: int) -> Check:
    """No worker had more CPU time than the threads it may use offer."""
    shares = [w.cpu_seconds / w.wall_seconds for w in windows if w.cpu_seconds is not None]
    if not shares:
        detail = "What answered ran on another machine, and its processor time is not known."
        return Check(name="cpu-time", passed=True, detail=detail)
    most = max(shares)
    return Check(
        name="cpu-time",
        passed=most <= threads * _SLACK,
        detail=f"At most {most:.2f} CPU seconds per second, of {threads} threads.",
    )


def check_power(windows: Sequence[Window], possible_watts: tuple[float, float | None]) -> Check:
    """Mean power of every window lies within what the meter says is possible."""
    watts = [window.joules / window.wall_seconds for window in windows]
    least, most = possible_watts
    return Check(
        name="power",
        passed=least / _SLACK <= min(watts) and (most is None or max(watts) <= most * _SLACK),
        detail=(
            f"{min(watts):.2f} to {max(watts):.2f} W, possible: {least:.2f} W "
            f"{'and more' if most is None else f'to {most:.2f} W'}."
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
    # Two blocks can leave open more than a float holds.
    return math.exp(middle - half), math.exp(min(middle + half, _MOST_LOG))


def check_steady(windows: Sequence[Window], ratios: Sequence[Ratio]) -> Check:
    """No ratio moved between the first half of the blocks and the second.

    What came or went in the middle leaves a mean that holds for neither half. A ratio moved where
    Welch's t-test tells the per-block log-ratios of the halves apart at 99.9%, and by more than 5%.
    """
    moved = [_moved(windows, ratio) for ratio in ratios]
    return Check(
        name="steady",
        passed=not any(far for far, _ in moved),
        detail="; ".join(dict.fromkeys(said for _, said in moved)) + ".",
    )


def _moved(windows: Sequence[Window], ratio: Ratio) -> tuple[bool, str]:
    """Whether a ratio moved between the halves, and from where to where."""
    own, other = (costs_by_block(windows, arm) for arm in (ratio.arm, ratio.against))
    logs = [math.log(own[block] / other[block]) for block in sorted(own)]
    halves = logs[: len(logs) // 2], logs[len(logs) // 2 :]
    before, after = (math.fsum(half) / len(half) for half in halves)
    far = abs(after - before) > math.log1p(_STEADY_TOLERANCE)
    if min(map(len, halves)) > 1:
        # Without any scatter there is no quantile, and a step is a step.
        error = math.sqrt(sum(_variance(half) / len(half) for half in halves))
        far = far and (error == 0 or _welch(halves) < 1 - _STEADY_CONFIDENCE)
    else:
        far = False
    said = f"against {ratio.against} {math.exp(before):.3f} in the first half of the blocks"
    return far, f"{said}, {math.exp(after):.3f} in the second"


def _variance(values: Sequence[float]) -> float:
    mean = math.fsum(values) / len(values)
    return math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)


def _welch(halves: tuple[Sequence[float], Sequence[float]]) -> float:
    return float(stats.ttest_ind(*halves, equal_var=False).pvalue)


def check_others(windows: Sequence[Window], *, counted: bool) -> Check:
    """What else ran on the machine, block by block, in units of the models' own processor time.

    Args:
        counted: the meter reads the whole machine, so that others' energy would be the models'.
    """
    own: dict[int, float] = defaultdict(float)
    others: dict[int, float] = defaultdict(float)
    for window in windows:
        if window.cpu_seconds is None or window.others_cpu_seconds is None:
            return Check(
                name="co-tenants",
                passed=not counted,
                detail="What else ran on the machine that answered is not known.",
            )
        own[window.block] += window.cpu_seconds
        others[window.block] += window.others_cpu_seconds
    shares = {block: others[block] / own[block] if own[block] else math.inf for block in own}
    worst = max(shares, key=lambda block: shares[block])
    mean = sum(others.values()) / (sum(own.values()) or math.nan)
    return Check(
        name="co-tenants",
        passed=not counted or shares[worst] <= _MOST_OTHERS,
        detail=(
            f"Other processes used {mean:.0%} as much processor time as the models, at most "
            f"{shares[worst]:.0%} in a block (block {worst + 1}); the meter "
            f"{'counts them as well' if counted else 'does not count them'}."
        ),
    )


def check_seen(
    windows: Sequence[Window], idle: Sequence[Idle], endpoint: str | None
) -> list[Check]:
    """Of models that servers answer for, the work of each is seen by the meter; else no check.

    A meter of the wrong pod or GPU reads rest where a model works, which looks like a saving. So
    what a model draws beyond rest is at least a twentieth of what the one that draws most does.

    Args:
        endpoint: what answers over HTTP; None where the measuring process itself does.
    """
    if endpoint is None and any(window.cpu_seconds is not None for window in windows):
        return []
    rest = idle_watts(idle) or 0.0
    joules: dict[str, float] = defaultdict(float)
    seconds: dict[str, float] = defaultdict(float)
    for window in windows:
        joules[window.arm] += window.joules
        seconds[window.arm] += window.wall_seconds
    watts = {arm: joules[arm] / seconds[arm] - rest for arm in joules}
    most = max(watts.values())
    unseen = [arm for arm in watts if watts[arm] <= 0 or watts[arm] < _LEAST_SEEN * most]
    drawn = ", ".join(f"{arm} {watts[arm]:.3g} W" for arm in watts)
    remedy = "; does the meter read what all models run on?" if unseen else "."
    detail = f"Beyond rest there were drawn: {drawn}{remedy}"
    return [Check(name="seen", passed=not unseen, detail=detail)]
