"""Factors: what turns energy into emissions and money, each figure with its source."""

from typing import Literal, Self

from pydantic import Field, model_validator

from leanstage.contracts.base import Contract, Part

Boundary = Literal["direct", "lifecycle"]
"""``direct``: what leaves the power plant. ``lifecycle``: fuel, building and methane as well."""
Origin = Literal["sourced", "measured", "modeled"]


class Factor(Part):
    """One figure and where it comes from; the unit stands where the factor is used."""

    value: float = Field(gt=0)
    year: int
    """The year that the figure is about."""
    source: str = Field(min_length=1)
    licence: str = Field(min_length=1)
    origin: Origin = "sourced"


class GridFactor(Factor):
    """Carbon intensity of the electricity of a region, gCO2e/kWh."""

    region: str = Field(min_length=1)
    """``World``, an ISO 3166 country code, or a name of your own."""
    boundary: Boundary


class Span(Part):
    """The least and the most a figure may be; one factor twice where it is known."""

    low: Factor
    high: Factor

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low.value > self.high.value:
            raise ValueError("low is above high")
        return self


class Overhead(Span):
    """PUE: energy of the data centre over that of its computers."""

    @model_validator(mode="after")
    def _at_least_one(self) -> Self:
        if self.low.value < 1.0:
            raise ValueError("a data centre uses no less than its computers: PUE is 1 or more")
        return self


class Price(Span):
    """Price of a kWh."""

    currency: str = Field(pattern=r"^[A-Z]{3}$")
    """ISO 4217."""


class Factors(Contract):
    """Whose grid, which boundary, what overhead and what price."""

    region: str
    boundary: Boundary = "lifecycle"
    grids: tuple[GridFactor, ...]
    pue: Overhead
    price: Price

    @model_validator(mode="after")
    def _covers_the_region(self) -> Self:
        if not self.intensities:
            known = sorted({g.region for g in self.grids if g.boundary == self.boundary})
            raise ValueError(
                f"no {self.boundary} factor for the region {self.region!r}; "
                f"there are {', '.join(known) or 'none'}"
            )
        return self

    @property
    def intensities(self) -> tuple[GridFactor, ...]:
        """The factors of the region, least first."""
        mine = (g for g in self.grids if (g.region, g.boundary) == (self.region, self.boundary))
        return tuple(sorted(mine, key=lambda factor: factor.value))

    @property
    def currency(self) -> str:
        """ISO 4217 code of what a cost is in."""
        return self.price.currency

    @property
    def emissions_basis(self) -> str:
        """A sentence that names what stands behind emissions."""
        grid = " and ".join(
            f"{g.value:g} gCO2e/kWh ({_origin(g)})" for g in dict.fromkeys(self.intensities)
        )
        return f"Grid of {self.region}, {self.boundary}: {grid}. {self._overhead}"

    @property
    def cost_basis(self) -> str:
        """A sentence that names what stands behind a cost."""
        price = _span(self.price, f"{self.currency} ", " per kWh")
        return f"Electricity at {price}. {self._overhead}"

    @property
    def basis(self) -> str:
        """What stands behind emissions and cost."""
        price = _span(self.price, f"{self.currency} ", " per kWh")
        return f"{self.emissions_basis} Electricity at {price}."

    @property
    def _overhead(self) -> str:
        return f"Data centre: PUE {_span(self.pue, '', '')}."


def _origin(factor: Factor) -> str:
    return f"{factor.origin}: {factor.source}, for {factor.year}"


def _span(span: Span, before: str, after: str) -> str:
    ends = dict.fromkeys((span.low, span.high))
    return " to ".join(f"{before}{end.value:g}{after} ({_origin(end)})" for end in ends)
