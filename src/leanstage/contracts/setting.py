"""Setting: where a model serves, how much and how fast, as its user states it."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from leanstage.contracts.base import Contract, Part
from leanstage.contracts.factors import Origin

Site = Literal["owned", "cloud"]


class Stated(Part):
    """A figure of the user's own, at least and at most; ``value`` states both."""

    low: float = Field(gt=0)
    high: float = Field(gt=0)
    origin: Origin = "sourced"
    source: str = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _one_value_is_both(cls, fields: Any) -> Any:
        if isinstance(fields, dict) and "value" in fields:
            if fields.keys() & {"low", "high"}:
                raise ValueError("state either value, or low and high")
            rest = {key: each for key, each in fields.items() if key != "value"}
            return rest | {"low": fields["value"], "high": fields["value"]}
        return fields

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low > self.high:
            raise ValueError("low is above high")
        return self


class SupplyContract(Part):
    """A contractual instrument for electricity: a PPA, certificates, a supplier's own rate."""

    name: str = Field(min_length=1)
    share: float = Field(gt=0, le=1)
    """Of the electricity of the site that it covers."""
    gco2e_per_kwh: float = Field(ge=0)
    source: str = Field(min_length=1)


class Objective(Part):
    """How fast answers must come when most are asked for."""

    peak_per_second: Stated
    """Requests in the busiest time, as a mean; they come at random."""
    latency_ms: float = Field(gt=0)
    """Waiting included."""
    share: float = Field(default=0.95, gt=0, lt=1)
    """Of the answers that must come within ``latency_ms``."""
    replicas_at_least: int = Field(default=1, ge=1)


class Replica(Part):
    """One copy of the model that stands ready, and what it holds of a server."""

    server_share: Stated
    """Part of a server that is reserved for it, such as its threads over those of the server."""
    idle_watts: Stated | None = None
    """Power while it waits, within the boundary of the meter; None takes what was measured."""
    hourly_price: Stated | None = None
    """In the currency of the factors; a cloud's price includes its electricity."""

    @model_validator(mode="after")
    def _no_more_than_a_server(self) -> Self:
        if self.server_share.high > 1:
            raise ValueError("server_share is a part of one server: at most 1")
        return self


class Setting(Contract):
    """Where a model serves, how much and under what objective; the user states it."""

    site: Site
    """``owned``: the machines are one's own. ``cloud``: somebody else's, bought as a service."""
    year: int = Field(ge=2000, le=2100)
    answers_per_year: Stated
    replica: Replica
    replicas: int | None = Field(default=None, ge=1)
    """As many as run; None works them out from ``objective``."""
    objective: Objective | None = None
    server_bought: int | None = None
    """The year in which servers of one's own were bought."""
    contracts: tuple[SupplyContract, ...] = ()

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.replicas is None) == (self.objective is None):
            raise ValueError("state either replicas, as many as run, or an objective for them")
        if sum(each.share for each in self.contracts) > 1 + 1e-9:
            raise ValueError("contracts cover more than all of the electricity")
        if self.server_bought is not None and self.server_bought > self.year:
            raise ValueError(f"servers bought in {self.server_bought} do not serve in {self.year}")
        if self.contracts and self.site == "cloud":
            raise ValueError("contracts for electricity are those of a site of one's own")
        return self
