"""Outcome: what ``run``, ``decide`` and ``demo`` write with ``--json``. Its keys are fixed."""

from pydantic import Field

from leanstage.contracts.base import Contract, Interval, Part, Sha256
from leanstage.contracts.decision import Reason, Verdict
from leanstage.contracts.policy import Tier
from leanstage.contracts.variant import Precision, Runtime


class VariantSummary(Part):
    """A model on disk."""

    path: str
    digest: Sha256
    runtime: Runtime
    precision: Precision
    parameters: int
    bytes: int


class EvaluationSummary(Part):
    """Accuracy of baseline and candidate; ``difference`` is candidate minus baseline."""

    metric: str
    n: int
    baseline: float
    candidate: float
    difference: float
    ci95: Interval


class EnergySummary(Part):
    """Energy per answer, candidate over baseline: ``ratio`` against it as registered."""

    ratio: float
    ratio_strongest: float
    ci95: Interval
    tier: Tier
    unit: str


class MlflowSummary(Part):
    """Where the evidence lies; the version fields are null when nothing was promoted."""

    tracking_uri: str
    run_id: str
    model: str
    version: str | None
    alias: str | None


class Outcome(Contract):
    """The result of one run. ``candidate`` is the one the decision speaks of."""

    verdict: Verdict
    sentence: str
    reasons: tuple[Reason, ...]
    baseline: VariantSummary
    candidate: VariantSummary | None
    promoted: VariantSummary | None
    evaluation: EvaluationSummary | None
    energy: EnergySummary | None
    mlflow: MlflowSummary
    report: str
    timings: dict[str, float] = Field(default_factory=dict)
    """Seconds by stage."""
