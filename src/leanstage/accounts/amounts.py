"""What an amount of energy emits and costs.

Energy is what the computers use; the overhead of the data centre is added here.
"""

from collections.abc import Sequence

from leanstage.accounts.units import Range, between
from leanstage.contracts import Factors, RegionFactor, Span


def at_site(energy: Range, factors: Factors) -> Range:
    """Energy of the data centre for ``energy`` of its computers, by the PUE of ``factors``."""
    return energy * spanned(factors.pue)


def emissions(energy: Range, factors: Factors) -> Range:
    """What ``energy`` of computers emits, by the PUE of ``factors`` and the grid it names."""
    return at_site(energy, factors) * of_rows(factors.intensities, "gCO2e/kWh")


def cost(energy: Range, factors: Factors) -> Range:
    """What ``energy`` of computers costs in ``factors.currency``, by its price and its PUE."""
    return at_site(energy, factors) * spanned(factors.price, "money/kWh")


def spanned(span: Span, unit: str = "") -> Range:
    """A span of factors as a range in its unit."""
    return between(span.low.value, span.high.value, unit)


def of_rows(rows: Sequence[RegionFactor], unit: str) -> Range:
    """The range that the factors of a region span, least first."""
    return between(rows[0].value, rows[-1].value, unit)
