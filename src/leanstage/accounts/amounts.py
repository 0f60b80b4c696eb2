"""What an amount of energy emits and costs.

Energy is what the computers use (kWh); the overhead of the data centre is added here.
"""

from leanstage.contracts import Factors, Interval

_GRAMS = 1000.0


def emissions_kg(kwh: float, factors: Factors) -> Interval:
    """Least and most kgCO2e of ``kwh``, by the grid and the PUE of ``factors``."""
    least, most = factors.intensities[0], factors.intensities[-1]
    return (
        kwh * factors.pue.low.value * least.value / _GRAMS,
        kwh * factors.pue.high.value * most.value / _GRAMS,
    )


def cost(kwh: float, factors: Factors) -> Interval:
    """Least and most cost of ``kwh`` in ``factors.currency``, by its price and its PUE."""
    return (
        kwh * factors.pue.low.value * factors.price.low.value,
        kwh * factors.pue.high.value * factors.price.high.value,
    )
