"""Loads that are reported beside the judged one: they too have to follow from their windows."""

from collections.abc import Collection, Mapping

from leanstage.contracts import EnergyComparison, Load, Ratio
from leanstage.energy.arrivals import KEPT_UP
from leanstage.gate.windows import (
    at_most,
    costs,
    mean_joules,
    objections,
    recomputed,
    same,
    writing_costs,
)


def side_load_objections(energy: EnergyComparison, unoptimized: Collection[str]) -> list[str]:
    """What does not add up in the other loads and in the energy of written tokens, as clauses.

    Args:
        unoptimized: arms that are forms of the baseline.
    """
    found: list[str] = []
    kinds = [(load.batch_size, load.tokens_per_answer, load.request_rate) for load in energy.loads]
    kinds.append((energy.workload.batch_size, None, None))
    if len(set(kinds)) < len(kinds):
        found.append("a load stands in it twice")
    for load in energy.loads:
        found += _load(energy, load, unoptimized)
    return found + _decode(energy, unoptimized)


def _load(energy: EnergyComparison, load: Load, unoptimized: Collection[str]) -> list[str]:
    where = f" in batches of {load.batch_size}"
    if load.request_rate is not None:
        where += f" at {load.request_rate:g} answers per second"
    if load.tokens_per_answer is not None:
        where += f" with answers of {load.tokens_per_answer} token"
    computed = mean_joules(load.windows)
    blocks = {(window.arm, window.block) for window in load.windows}
    judged = {(window.arm, window.block) for window in energy.windows}
    if blocks != judged or len(blocks) != len(load.windows):
        return [f"the windows{where} are not one for each arm and block"]
    return [
        *_stated(load.joules_per_answer, computed, where),
        *_cheapest(load.strongest, computed, unoptimized, where),
        *_roles(energy, load.registered, load.strongest, where),
        *_services(load, where),
        *objections((load.registered, load.strongest), costs(load.windows), where),
    ]


def _decode(energy: EnergyComparison, unoptimized: Collection[str]) -> list[str]:
    decode, tokens = energy.decode, energy.workload.tokens_per_answer
    where = " per written token"
    reading = [load for load in energy.loads if load.tokens_per_answer == 1]
    if decode is None:
        return [f"the energy{where} is left out"] if reading else []
    if not reading or tokens is None or tokens < 2:
        return [f"the energy{where} has no windows of reading alone"]
    whole, first = mean_joules(energy.windows), mean_joules(reading[0].windows)
    per_token = {arm: (whole[arm] - first[arm]) / (tokens - 1) for arm in whole if arm in first}
    per_token = {arm: joules for arm, joules in per_token.items() if joules > 0}
    by_arm = writing_costs(energy, reading[0])
    found = _stated(decode.joules_per_token, per_token, where)
    if decode.strongest is not None:
        found += _cheapest(decode.strongest, per_token, unoptimized, where)
    candidate, baseline = energy.registered.arm, energy.registered.against
    registered, strongest = decode.registered, decode.strongest
    found += _roles(energy, registered or energy.registered, strongest or energy.strongest, where)
    known = {candidate, baseline} <= per_token.keys()
    if known and registered is None and recomputed(by_arm, candidate, baseline) is not None:
        found.append(f"the ratio{where} is left out")
    ratios = [ratio for ratio in (registered, strongest) if ratio is not None]
    return [*found, *objections(ratios, by_arm, where)]


def _services(load: Load, where: str) -> list[str]:
    """How forms stood a rate, as far as the figures tell of each other."""
    arms = {window.arm for window in load.windows} if load.request_rate is not None else set()
    if load.service.keys() != arms:
        return [f"it is not told{where} how each form stood them"]
    found = []
    for arm, service in load.service.items():
        rate, p50, p95 = service.achieved_rate, service.latency_p50_ms, service.latency_p95_ms
        least = (load.request_rate or 0.0) * KEPT_UP
        late = rate is None or not at_most(least, rate)
        timed = p50 is not None and p95 is not None and p50 <= p95
        untimed = p50 is None and p95 is None
        if late and not service.overloaded:
            found.append(f"{arm} is said to have kept up{where} and did not")
        if not (untimed if service.overloaded else timed):
            found.append(f"the latencies of {arm}{where} are not those of such a load")
    return found


def _stated(stated: Mapping[str, float], computed: Mapping[str, float], where: str) -> list[str]:
    if stated.keys() == computed.keys() and all(
        same(stated[arm], computed[arm]) for arm in computed
    ):
        return []
    return [f"the energies{where} are not those of its windows"]


def _cheapest(
    strongest: Ratio, joules: Mapping[str, float], unoptimized: Collection[str], where: str
) -> list[str]:
    known = {arm: joules[arm] for arm in unoptimized if arm in joules}
    held = known.get(strongest.against)
    if held is not None and at_most(held, min(known.values())):
        return []
    return [f"{strongest.against} is not the strongest unoptimized form{where}"]


def _roles(energy: EnergyComparison, registered: Ratio, strongest: Ratio, where: str) -> list[str]:
    judged = energy.registered
    same_arms = (registered.arm, registered.against) == (judged.arm, judged.against)
    if same_arms and strongest.arm == judged.arm:
        return []
    return [f"the ratios{where} are not of one candidate"]
