"""At which loads the forms are asked beside the judged one, and what comes of it."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from leanstage.contracts import Decode, Load, Ratio, Service, Window
from leanstage.energy.arrivals import AtRate, together
from leanstage.energy.ratios import cheapest, costs_by_block, energy_ratio, ratio_of

SIDE_BATCHES = (1, 8)
"""Rows per request that every measurement shows, as batch 1 alone misranks forms."""


class LoadKind(NamedTuple):
    """One load; ``tokens_per_answer`` where it is not that of the workload."""

    batch_size: int
    tokens_per_answer: int | None = None
    request_rate: float | None = None
    """Answers per second; None where the next request waits for the last answer."""


SINGLE = LoadKind(1)
"""Asked in any case, as latencies are those of single rows."""


class Roles(NamedTuple):
    """Which arm stands for what in a comparison."""

    candidate: str
    baseline: str
    unoptimized: Collection[str]
    """Every form of the baseline, itself included."""


def side_loads(
    batch_size: int, tokens_per_answer: int | None, request_rate: float | None
) -> tuple[LoadKind, ...]:
    """What is measured beside batches of ``batch_size``, in this order in every block.

    Where models write, prompts are also answered with one token: the energy of reading them. A
    ``request_rate``, in answers per second, is that of production.
    """
    reading = tokens_per_answer is not None and tokens_per_answer > 1
    return (
        SINGLE,
        *([LoadKind(batch_size, 1)] if reading else []),
        *(LoadKind(size) for size in SIDE_BATCHES if size not in (SINGLE.batch_size, batch_size)),
        *([LoadKind(batch_size, request_rate=request_rate)] if request_rate else []),
    )


def joules_per_answer(windows: Sequence[Window]) -> dict[str, float]:
    """Total energy over total answers of every arm, in the order in which the arms appear."""
    joules: dict[str, float] = {}
    answers: dict[str, int] = {}
    for window in windows:
        joules[window.arm] = joules.get(window.arm, 0.0) + window.joules
        answers[window.arm] = answers.get(window.arm, 0) + window.answers
    return {arm: joules[arm] / answers[arm] for arm in joules}


def load_of(
    kind: LoadKind,
    windows: Sequence[Window],
    roles: Roles,
    at_rate: Mapping[str, Sequence[AtRate]],
) -> Load:
    """The comparison at one of the :func:`side_loads`.

    Args:
        at_rate: what the workers say of each window at a rate, by arm.
    """
    joules = joules_per_answer(windows)
    strongest = cheapest({arm: joules[arm] for arm in roles.unoptimized})
    return Load(
        batch_size=kind.batch_size,
        tokens_per_answer=kind.tokens_per_answer,
        request_rate=kind.request_rate,
        service={arm: service_of(some, kind.batch_size) for arm, some in at_rate.items()}
        if kind.request_rate
        else {},
        windows=tuple(windows),
        joules_per_answer=joules,
        registered=energy_ratio(windows, roles.candidate, roles.baseline),
        strongest=energy_ratio(windows, roles.candidate, strongest),
    )


def service_of(windows: Sequence[AtRate], batch_size: int) -> Service:
    """How one form stood its windows at a rate, of requests of ``batch_size`` rows each."""
    found = together(windows)
    return Service(
        achieved_rate=None if found.achieved_rate is None else found.achieved_rate * batch_size,
        overloaded=found.overloaded,
        latency_p50_ms=found.percentile_ms(50),
        latency_p95_ms=found.percentile_ms(95),
    )


def decode_of(
    whole: Sequence[Window], reading: Sequence[Window], tokens: int, roles: Roles
) -> Decode:
    """The tokens after the first: answers of ``tokens`` tokens less answers of one.

    A form for which the difference is no energy, as noise can have it for a model that hardly
    works, is left out, and so is a ratio with a block for which it is none.
    """
    longer, shorter = joules_per_answer(whole), joules_per_answer(reading)
    per_token = {arm: (longer[arm] - shorter[arm]) / (tokens - 1) for arm in longer}
    per_token = {arm: joules for arm, joules in per_token.items() if joules > 0}
    costs = {
        arm: {
            block: cost - costs_by_block(reading, arm)[block]
            for block, cost in costs_by_block(whole, arm).items()
        }
        for arm in per_token
    }
    known = {arm: per_token[arm] for arm in roles.unoptimized if arm in per_token}
    return Decode(
        joules_per_token=per_token,
        registered=_ratio(costs, roles.candidate, roles.baseline),
        strongest=_ratio(costs, roles.candidate, cheapest(known)) if known else None,
    )


def _ratio(costs: Mapping[str, Mapping[int, float]], arm: str, against: str) -> Ratio | None:
    if not all(name in costs and min(costs[name].values()) > 0 for name in (arm, against)):
        return None
    return ratio_of(costs, arm, against)
