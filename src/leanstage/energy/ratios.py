"""The interval on a ratio of energies per answer, and the verdict on a saving."""

import math
from collections.abc import Iterable, Mapping, Sequence

from scipy import stats

from leanstage.contracts import Interval, Ratio, SavingVerdict, Window


def energy_ratio(windows: Iterable[Window], arm: str, against: str) -> Ratio:
    """Energy per answer of ``arm`` over that of ``against``, paired by block.

    See :func:`paired_ratio`.

    Raises:
        ValueError: fewer than two blocks, or a block without both arms.
    """
    windows = list(windows)
    return ratio_of({name: costs_by_block(windows, name) for name in (arm, against)}, arm, against)


def costs_by_block(windows: Iterable[Window], arm: str) -> dict[int, float]:
    """Energy per answer of one arm in each of its windows, by block."""
    return {w.block: w.joules / w.answers for w in windows if w.arm == arm}


def ratio_of(costs: Mapping[str, Mapping[int, float]], arm: str, against: str) -> Ratio:
    """The ratio of two arms, paired by block.

    Args:
        costs: of each arm by block, all positive.

    Raises:
        ValueError: fewer than two blocks, or a block without both arms.
    """
    if costs[arm].keys() != costs[against].keys():
        raise ValueError(f"{arm} and {against} were not measured in the same blocks")
    blocks = list(costs[arm])
    ratio, ci95 = paired_ratio(
        [costs[arm][block] for block in blocks], [costs[against][block] for block in blocks]
    )
    return Ratio(arm=arm, against=against, ratio=ratio, ci95=ci95, blocks=len(blocks))


def paired_ratio(costs: Sequence[float], against: Sequence[float]) -> tuple[float, Interval]:
    """Costs over costs of the same blocks, all positive: the ratio and its 95% interval.

    The mean of the per-block log-ratios with its Student t-interval, back from the logarithm:
    what the meter's gain and the machine's drift do to a whole block cancels.

    Raises:
        ValueError: fewer than two blocks, or not as many on both sides.
    """
    logs = [math.log(cost / other) for cost, other in zip(costs, against, strict=True)]
    mean, half_width = _mean_and_half_width(logs)
    return math.exp(mean), (math.exp(mean - half_width), math.exp(mean + half_width))


def cheapest(joules_per_answer: Mapping[str, float]) -> str:
    """Name of the arm with the least energy per answer.

    Chosen on the data that the ratio against it rests on, which can only make a saving look
    smaller.
    """
    return min(joules_per_answer, key=lambda name: joules_per_answer[name])


def saving_verdict(ratio_upper: float, ratio_lower: float, required_saving: float) -> SavingVerdict:
    """Whether the interval of an energy ratio shows the saving asked for.

    Args:
        ratio_upper: upper end of the interval of candidate over baseline.
        ratio_lower: lower end of it.
        required_saving: share of the baseline's energy to be saved, in [0, 1).

    Returns:
        PASS where the whole interval saves enough, FAIL where all of it saves too little,
        INCONCLUSIVE where it lies across: a longer measurement can tell.

    Raises:
        ValueError: the interval is not one of positive numbers in order, or the saving no share.
    """
    if not 0 < ratio_lower <= ratio_upper < math.inf:
        raise ValueError(f"({ratio_lower}, {ratio_upper}) is no interval of a ratio")
    if not 0 <= required_saving < 1:
        raise ValueError(f"{required_saving} is no share of energy to save")
    limit = 1 - required_saving
    if ratio_upper <= limit:
        return "PASS"
    return "FAIL" if ratio_lower > limit else "INCONCLUSIVE"


def _mean_and_half_width(values: Sequence[float]) -> tuple[float, float]:
    """Mean and half-width of its two-sided 95% t-interval."""
    n = len(values)
    if n < 2:
        raise ValueError("an interval needs at least two blocks")
    mean = math.fsum(values) / n
    variance = math.fsum((value - mean) ** 2 for value in values) / (n - 1)
    return mean, float(stats.t.ppf(0.975, n - 1)) * math.sqrt(variance / n)
