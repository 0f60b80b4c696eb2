"""What the answers of every measured model form emit and cost."""

from leanstage.accounts import between, cost, emissions, figure
from leanstage.contracts import Arm, EnergyComparison, Factors, Footprint, Interval


def footprints(energy: EnergyComparison, factors: Factors) -> tuple[Footprint, ...]:
    """One for every form but the control, most energy first."""
    arms = [arm for arm in energy.arms if arm.name != energy.control.arm]
    arms.sort(key=lambda arm: -arm.joules_per_answer)
    return tuple(_footprint(arm, energy.meter.scale or (1.0, 1.0), factors) for arm in arms)


def _footprint(arm: Arm, scale: Interval, factors: Factors) -> Footprint:
    each = between(*scale) * figure(arm.joules_per_answer, "joule/answer")
    thousand, million = (each * figure(count, "answer") for count in (1e3, 1e6))
    return Footprint(
        arm=arm.name,
        wh_per_1000=thousand.to("Wh"),
        gco2e_per_1000=emissions(thousand, factors).to("gCO2e"),
        cost_per_million=cost(million, factors).to("money"),
    )
