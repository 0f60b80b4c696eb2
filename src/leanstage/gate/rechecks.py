"""Checks of a measurement that its own windows tell, made again: a document may say anything."""

from leanstage.contracts import EnergyComparison


def overstated_tier(energy: EnergyComparison) -> list[str]:
    """Whether the meter is one of another tier than is stated, as a clause."""
    from leanstage.energy.meters import tier_of

    meter = energy.meter
    known = tier_of(meter.name)
    if known in (None, meter.tier):
        return []
    return [f"the meter {meter.name} is called {meter.tier}, and what it reads is {known}"]


def failed_after_all(energy: EnergyComparison) -> list[str]:
    """Checks that fail on the windows of a document which says that all were passed, as clauses.

    Args:
        energy: its ratios follow from its windows.
    """
    if not energy.valid:
        return []
    from leanstage.energy import checks

    every = [*energy.windows, *(window for load in energy.loads for window in load.windows)]
    again = [
        checks.check_cpu_time(every, energy.node.threads),
        checks.check_power(every, energy.meter.possible_watts),
        checks.check_control(energy.control),
        checks.check_steady(energy.windows, (energy.registered, energy.strongest)),
        *checks.check_seen(energy.windows, energy.idle, energy.workload.endpoint),
    ]
    # Documents of before these were kept do not have them.
    unhurried = [load for load in energy.loads if load.request_rate is None]
    asked = [*energy.windows, *(window for load in unhurried for window in load.windows)]
    if all(window.asked is not None for window in asked):
        again.append(checks.check_answers(asked))
    shares = {arm.name: arm.idle_share for arm in energy.arms if arm.idle_share is not None}
    if shares:
        again.append(checks.check_idle(shares))
    if all(window.others_cpu_seconds is not None for window in energy.windows):
        counted = "rapl" in energy.meter.name.split("+")
        again.append(checks.check_others(energy.windows, counted=counted))
    return [
        f"every check is said to have passed, and its windows fail {check.name} ({check.detail})"
        for check in again
        if not check.passed
    ]
