"""The units that accounts are kept in, and figures known from their least to their most.

The units are pint's: what does not fit together raises instead of adding up.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import pint

from leanstage.contracts import Interval

units: pint.UnitRegistry[float] = pint.UnitRegistry(on_redefinition="raise")
units.define("gCO2e = [greenhouse_gas]")
units.define("tCO2e = 1e6 gCO2e")
units.define("answer = [answer]")
units.define("money = [money]")


@dataclass(frozen=True)
class Range:
    """What a figure is at least and at most, in a unit."""

    low: float
    high: float
    unit: pint.Unit

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise ValueError(f"{self.low} to {self.high} {self.unit} is out of order")

    def __add__(self, other: "Range") -> "Range":
        low, high = other._in(self.unit)
        return Range(self.low + low, self.high + high, self.unit)

    def __mul__(self, other: "Range | float") -> "Range":
        if not isinstance(other, Range):
            other = figure(other)
        ends = [mine * its for mine in self.ends for its in other.ends]
        return Range(min(ends), max(ends), self.unit * other.unit)

    def __truediv__(self, other: "Range | float") -> "Range":
        if not isinstance(other, Range):
            other = figure(other)
        if other.low <= 0 <= other.high:
            raise ZeroDivisionError(f"{other.low} to {other.high} {other.unit} holds zero")
        ends = [mine / its for mine in self.ends for its in other.ends]
        return Range(min(ends), max(ends), self.unit / other.unit)

    @property
    def ends(self) -> Interval:
        """Least and most, in the unit of the range."""
        return self.low, self.high

    def to(self, unit: str) -> Interval:
        """Least and most as numbers in ``unit``.

        Raises:
            pint.DimensionalityError: the range measures something else.
        """
        return self._in(_unit(unit))

    def _in(self, unit: pint.Unit) -> Interval:
        factor = _factor(self.unit, unit)
        return self.low * factor, self.high * factor


def figure(value: float, unit: str = "") -> Range:
    """A figure that is known, such as ``figure(381, "gCO2e/kWh")``."""
    return between(value, value, unit)


def between(low: float, high: float, unit: str = "") -> Range:
    """A figure that is known from its least to its most.

    Raises:
        ValueError: ``low`` is above ``high``, or one of them is no number.
    """
    return Range(low, high, _unit(unit))


def hull(ranges: Iterable[Range], unit: str) -> Interval:
    """The least and the most of several ranges, in one unit."""
    ends = [end for each in ranges for end in each.to(unit)]
    return min(ends), max(ends)


@cache
def _unit(text: str) -> pint.Unit:
    return units.Unit(text)


@cache
def _factor(unit: pint.Unit, wanted: pint.Unit) -> float:
    return float(units.Quantity(1.0, unit).to(wanted).magnitude)
