"""Accounts: what serving one model for a year takes, and what every figure of it rests on."""

from typing import Literal

from pydantic import Field

from leanstage.contracts.base import Contract, Interval, Part, Sha256
from leanstage.contracts.factors import Boundary, Origin
from leanstage.contracts.policy import Tier
from leanstage.contracts.setting import Setting

ORIGIN_OF_TIER: dict[Tier, Origin] = {
    "measured": "measured",
    "attributed": "modeled",
    "estimated": "modeled",
    "declared": "sourced",
}


class AccountInput(Part):
    """One figure that went in, from its least to its most, and what kind of knowledge it is."""

    name: str
    low: float
    high: float
    unit: str
    origin: Origin
    source: str
    year: int | None = None
    licence: str = ""


class Capacity(Part):
    """Replicas that the objective takes, and what they do."""

    replicas: int = Field(ge=1)
    busy: Interval
    """Share of their time that they answer, over the year."""
    basis: str


class Intensity(Part):
    """Software carbon intensity, ISO/IEC 21031:2024: ``(E * I + M) per R``, R one answer."""

    gco2e_per_answer: Interval
    operational: Interval
    """E * I, gCO2e an answer: idle replicas and the data centre's overhead included."""
    embodied: Interval
    """M, gCO2e an answer."""
    boundary: Boundary
    functional_unit: Literal["answer"] = "answer"


class InventoryLine(Part):
    """One line of a greenhouse-gas inventory by the GHG Protocol; None where it is not known."""

    scope: Literal[2, 3]
    category: Literal[1, 2, 3] | None = None
    """Of Scope 3."""
    method: Literal["location", "market"] | None = None
    """Of Scope 2."""
    tco2e: Interval | None
    basis: str
    """What it rests on, or what is missing, as a sentence."""


class Disclosure(Part):
    """What this model adds to one data point of a sustainability statement."""

    concept: str
    standard: Literal["ESRS E1"] = "ESRS E1"
    standard_version: str
    unit: Literal["MWh", "tCO2e"]
    value: Interval | None
    period_start: str
    period_end: str
    basis: str


class Avoided(Part):
    """Against what would have been otherwise; no part of an inventory, and never netted there."""

    counterfactual: str
    replicas: int = Field(ge=1)
    """Of the counterfactual."""
    kwh: Interval
    tco2e: Interval
    assumptions: tuple[str, ...] = Field(min_length=1)


class Accounts(Contract):
    """What serving one model for a year takes; every figure from its least to its most."""

    subject: str
    """The measured form that serves."""
    digest: Sha256 | None
    setting: Setting
    region: str
    inputs: tuple[AccountInput, ...]
    capacity: Capacity
    kwh: Interval
    """Of the data centre, in the year."""
    intensity: Intensity
    inventory: tuple[InventoryLine, ...]
    disclosures: tuple[Disclosure, ...]
    avoided: Avoided | None
    no_avoided: str = ""
    """Why nothing is said to be avoided, as a sentence."""
    cost_per_million: Interval | None
    currency: str
    cost_basis: str


class YearlyIntensity(Part):
    """Energy per answer of the champions of a model over one calendar year."""

    model: str
    year: int
    days: float = Field(gt=0)
    """On which a champion served of which the energy is known."""
    joules_per_answer: Interval
    """Weighted by days; the meter's own uncertainty is in it."""
    tiers: tuple[Tier, ...]
    decisions: tuple[str, ...]
    """MLflow runs."""
    change: float | None
    """Share by which it rose since the year before; None where the two do not compare."""
    basis: str
    """Why it is what it is, or why there is no change, as a sentence."""


class IntensityHistory(Contract):
    """Energy per answer, year over year, from the decisions that a registry holds."""

    taken: str
    """UTC."""
    where: str
    years: tuple[YearlyIntensity, ...]
    problems: tuple[str, ...] = ()
    """What could not be read or verified, a sentence each."""
