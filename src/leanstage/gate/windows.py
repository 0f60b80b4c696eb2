"""Figures of a measurement from its raw windows, computed apart from the code that measured."""

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from statistics import quantiles
from typing import NamedTuple

from leanstage.contracts import EnergyComparison, Load, Ratio, Window

_SAME = 1e-6
"""Relative."""

Costs = dict[int, float]
"""Joules per answer by block."""


class Computed(NamedTuple):
    """A ratio of two arms, the ends of its 95% interval, and the blocks it rests on."""

    ratio: float
    low: float
    high: float
    blocks: int


def same(stated: float | None, computed: float | None) -> bool:
    """Whether two figures are one; missing ones only with missing ones."""
    if stated is None or computed is None:
        return stated is computed
    return math.isclose(stated, computed, rel_tol=_SAME)


def at_most(figure: float, bound: float) -> bool:
    """Whether a figure is no larger than a bound, the precision of both aside."""
    return figure <= bound * (1 + _SAME)


def mean_joules(windows: Iterable[Window]) -> dict[str, float]:
    """Energy of all windows of an arm over all its answers."""
    totals: dict[str, tuple[float, int]] = {}
    for window in windows:
        joules, answers = totals.get(window.arm, (0.0, 0))
        totals[window.arm] = (joules + window.joules, answers + window.answers)
    return {arm: joules / answers for arm, (joules, answers) in totals.items()}


def cpu_milliseconds(windows: Iterable[Window], arm: str) -> float | None:
    """Processor time per answer of an arm; None where it is not known."""
    own = [window for window in windows if window.arm == arm]
    seconds = [window.cpu_seconds for window in own if window.cpu_seconds is not None]
    if len(seconds) < len(own):
        return None
    return sum(seconds) / sum(window.answers for window in own) * 1e3


def dynamic_joules(energy: EnergyComparison, arm: str) -> float | None:
    """Energy per answer beyond what the machine drew at rest; None where there is none."""
    rest_seconds = sum(window.wall_seconds for window in energy.idle)
    if not rest_seconds:
        return None
    watts = sum(window.joules for window in energy.idle) / rest_seconds
    own = [window for window in energy.windows if window.arm == arm]
    beyond = sum(window.joules - watts * window.wall_seconds for window in own)
    return beyond / sum(window.answers for window in own) if beyond > 0 else None


def percentiles_ms(latencies_ms: Sequence[float]) -> tuple[float, float]:
    """Median and 95th percentile of times, linear between neighbours; NaN of fewer than two."""
    if len(latencies_ms) < 2:
        return math.nan, math.nan
    twentieths = quantiles(latencies_ms, n=20, method="inclusive")
    return twentieths[9], twentieths[18]


def costs(windows: Iterable[Window]) -> dict[str, Costs]:
    """Joules per answer of every arm in every block."""
    found: dict[str, Costs] = {}
    for window in windows:
        found.setdefault(window.arm, {})[window.block] = window.joules / window.answers
    return found


def writing_costs(energy: EnergyComparison, reading: Load) -> dict[str, Costs]:
    """Joules of an answer beyond those of its first token, of every arm in every block."""
    whole, first = costs(energy.windows), costs(reading.windows)
    return {
        arm: {block: cost - first.get(arm, {}).get(block, math.nan) for block, cost in own.items()}
        for arm, own in whole.items()
    }


def recomputed(by_arm: Mapping[str, Costs], arm: str, against: str) -> Computed | None:
    """The ratio; None without two blocks common to both arms, or with a cost that is none.

    Mean of the per-block log-ratios with Student's t-interval, as the measurement states it.
    """
    own, other = by_arm.get(arm, {}), by_arm.get(against, {})
    n = len(own)
    if n < 2 or own.keys() != other.keys():
        return None
    if not all(cost > 0 for cost in (*own.values(), *other.values())):
        return None
    logs = [math.log(own[block]) - math.log(other[block]) for block in sorted(own)]
    mean = math.fsum(logs) / n
    squares = math.fsum((value - mean) ** 2 for value in logs)
    half = _t_quantile(n - 1) * math.sqrt(squares / (n - 1) / n)
    return Computed(_exp(mean), _exp(mean - half), _exp(mean + half), n)


def objections(ratios: Sequence[Ratio], by_arm: Mapping[str, Costs], where: str = "") -> list[str]:
    """What of stated ratios does not follow from the costs, each as a clause.

    Args:
        where: says at which load, as the end of a clause.
    """
    found = []
    for stated in ratios:
        computed = recomputed(by_arm, stated.arm, stated.against)
        if computed is None or stated.blocks != computed.blocks:
            found.append(
                f"{stated.arm} and {stated.against} lack windows in the same blocks{where}"
            )
            continue
        figures = (stated.ratio, *stated.ci95)
        if not all(map(same, figures, computed[:3])):
            low, high = stated.ci95
            found.append(
                f"the ratio of {stated.arm} to {stated.against}{where} is stated as "
                f"{stated.ratio:.6g} ({low:.6g} to {high:.6g}), its windows give "
                f"{computed.ratio:.6g} ({computed.low:.6g} to {computed.high:.6g})"
            )
    return found


def _exp(value: float) -> float:
    """What is far beyond any ratio is as far as a float goes: a document may say anything."""
    return math.exp(min(value, 700.0))


@lru_cache
def _t_quantile(degrees: int) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(degrees, 0.975))
