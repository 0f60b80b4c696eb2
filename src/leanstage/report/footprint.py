"""What the answers of every measured model form emit and cost."""

from leanstage.accounts import cost, emissions_kg
from leanstage.contracts import Arm, EnergyComparison, Factors, Footprint, Interval


def footprints(energy: EnergyComparison, factors: Factors) -> tuple[Footprint, ...]:
    """One for every form but the control, most energy first."""
    arms = [arm for arm in energy.arms if arm.name != energy.control.arm]
    arms.sort(key=lambda arm: -arm.joules_per_answer)
    return tuple(_footprint(arm, energy.meter.scale or (1.0, 1.0), factors) for arm in arms)


def _footprint(arm: Arm, scale: Interval, factors: Factors) -> Footprint:
    low, high = (arm.wh_per_1000 * bound for bound in scale)
    # Watt-hours per 1,000 answers are kilowatt-hours per million.
    least, most = emissions_kg(low, factors)[0], emissions_kg(high, factors)[1]
    return Footprint(
        arm=arm.name,
        wh_per_1000=(low, high),
        # Kilograms per million answers are grams per 1,000.
        gco2e_per_1000=(least, most),
        cost_per_million=(cost(low, factors)[0], cost(high, factors)[1]),
    )
