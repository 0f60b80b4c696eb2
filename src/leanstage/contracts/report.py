"""Report: one decision, all that it rests on, and the figures that follow from it."""

from typing import Any

from pydantic import Field

from leanstage.contracts.base import Contract, Interval, Part
from leanstage.contracts.decision import Decision, Role
from leanstage.contracts.energy import EnergyComparison
from leanstage.contracts.evaluation import Evaluation
from leanstage.contracts.factors import Factors
from leanstage.contracts.plan import HardwareProfile, Plan
from leanstage.contracts.policy import ModelPolicy
from leanstage.contracts.variant import Status, Technique, ValidationFigures, VariantManifest


class StepResult(Part):
    """The model after one step of its lineage; None where that is not on record."""

    technique: Technique
    status: Status
    parameters: int | None
    bytes: int | None
    cost: float | None
    """Processor time per answer as a share of the baseline's: the product of the steps so far."""
    validation: ValidationFigures | None
    """Against the baseline, on the validation split."""


class TriedSetting(Part):
    """One setting that a step tried, held against the baseline."""

    technique: Technique
    settings: dict[str, Any]
    fits: bool
    kept: bool
    reason: str
    cost: float | None
    """Processor time per answer as a share of the baseline's."""
    probability_drop: float | None
    """Mean loss of the true class in probability, on the validation split."""
    probability_drop_se: float | None = None
    """Standard error of ``probability_drop``."""
    accuracy_drop: float | None = None
    limit: float | None = None
    """The most that the setting might lose in probability, counted from the baseline."""
    ms_per_answer: float | None = None
    """As the step timed it: to be compared within one step only."""
    parameters: int | None = None
    bytes: int | None = None
    efficient: bool
    """No other setting, nor the baseline, costs as little and loses as little."""


class Footprint(Part):
    """What answers of one measured model form take; each figure from its least to its most."""

    arm: str
    wh_per_1000: Interval
    """Of the computers; the meter's own uncertainty is in it."""
    gco2e_per_1000: Interval
    cost_per_million: Interval
    """In the currency of the factors."""


class ReportedCandidate(Part):
    """One candidate, the evidence on it, and what follows from that."""

    manifest: VariantManifest
    evaluation: Evaluation | None = None
    energy: EnergyComparison | None = None
    steps: tuple[StepResult, ...] = ()
    tried: tuple[TriedSetting, ...] = ()
    footprints: tuple[Footprint, ...] = ()


class Report(Contract):
    """The report as data: what HTML and Markdown show, and the documents behind it."""

    version: str
    """Of leanstage."""
    subject: Role | None
    """The candidate that the report is about; None where there is none."""
    decision: Decision
    policy: ModelPolicy
    plan: Plan
    hardware: HardwareProfile
    """What serves, as the gate held the measurement against it."""
    baseline: VariantManifest
    candidates: dict[Role, ReportedCandidate]
    factors: Factors | None
    """None where they could not be read, and neither emissions nor cost are stated."""
    timings: dict[str, float | None] = Field(default_factory=dict)
    """Seconds by stage."""
    justify_command: str | None = None
