"""Factors: what turns energy into emissions and money, each figure with its source."""

from collections.abc import Iterable
from typing import Literal, Self, TypeVar

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


class RegionFactor(Factor):
    """A figure that holds for one region."""

    region: str = Field(min_length=1)
    """``World``, an ISO 3166 country code, or a name of your own."""


Regional = TypeVar("Regional", bound=RegionFactor)


class GridFactor(RegionFactor):
    """Carbon intensity of the electricity of a region."""

    unit: Literal["gCO2e/kWh"] = "gCO2e/kWh"
    boundary: Boundary


class UpstreamFactor(RegionFactor):
    """What getting the fuels to the power plants emits (well to tank), by kWh generated."""

    unit: Literal["gCO2e/kWh"] = "gCO2e/kWh"


class LossFactor(RegionFactor):
    """Energy lost on the way from the power plant, by kWh delivered."""

    value: float = Field(gt=0, lt=1)
    unit: Literal["kWh/kWh"] = "kWh/kWh"


class ResidualFactor(RegionFactor):
    """Direct intensity of the electricity of a region that no contract has claimed."""

    unit: Literal["gCO2e/kWh"] = "gCO2e/kWh"


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


class Embodied(Span):
    """Emissions of making, moving and scrapping one server."""

    unit: Literal["kgCO2e"] = "kgCO2e"


class Lifetime(Span):
    """How long a server is used."""

    unit: Literal["year"] = "year"


class Factors(Contract):
    """Whose grid, which boundary, what overhead, what hardware and what price."""

    region: str
    boundary: Boundary = "lifecycle"
    grids: tuple[GridFactor, ...]
    pue: Overhead
    price: Price
    upstream: tuple[UpstreamFactor, ...] = ()
    losses: tuple[LossFactor, ...] = ()
    residual: tuple[ResidualFactor, ...] = ()
    """Only the user's own: no table of them may be shared."""
    embodied: Embodied | None = None
    lifetime: Lifetime | None = None

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
        return self.grid(self.boundary)

    def grid(self, boundary: Boundary) -> tuple[GridFactor, ...]:
        """The intensities of the region within ``boundary``, least first; none where unknown."""
        return self.here(grid for grid in self.grids if grid.boundary == boundary)

    def here(self, factors: Iterable[Regional]) -> tuple[Regional, ...]:
        """Those of the region, least first."""
        mine = (factor for factor in factors if factor.region == self.region)
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
