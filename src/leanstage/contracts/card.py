"""CardFacts: what a model card says, for programs; the key ``leanstage`` of its metadata."""

from pydantic import Field

from leanstage.contracts.base import Contract, Interval, Part, Sha256
from leanstage.contracts.decision import ModelVersion, Role, Verdict
from leanstage.contracts.policy import Metric, Tier
from leanstage.contracts.variant import Precision, Runtime, Status, Technique


class CardedEnergy(Part):
    """What one form of one variant takes to answer, at one load."""

    variant: Role
    form: str
    """Its name in the measurement."""
    runtime: Runtime
    precision: Precision
    judged: bool
    """At the load that the policy judges."""
    batch_size: int = Field(gt=0)
    request_rate: float | None = Field(default=None, gt=0)
    """Answers asked for per second; None where the next request waits for the last answer."""
    overloaded: bool | None = None
    """Whether requests came faster than they were answered; None where there is no rate."""
    tokens_per_answer: int | None = Field(default=None, gt=0)
    """Where models write; of answers of one token, reading the prompt is the work."""
    joules_per_answer: float = Field(gt=0)
    """Gross: what the machine draws at rest is part of it."""
    ci95: Interval | None
    """Over the blocks; None where the windows are not on record. The meter may err beyond it."""
    joules_per_output_token: float | None = None
    """Reading the prompt divided among them."""
    decode_joules_per_token: float | None = None
    """Of a token after the first, reading the prompt left out."""
    ratio: float | None
    """Over the baseline as registered, in the same measurement."""
    ratio_ci95: Interval | None
    meter: str
    tier: Tier
    scale: Interval | None
    """True joules over those stated, at least and at most; None for a counter, taken as it is."""


class CardedMetric(Part):
    """The model on the evaluation rows, and beside the baseline; None where that is itself."""

    metric: Metric
    n: int = Field(gt=0)
    value: float
    ci95: Interval | None
    """Wilson's, of shares of right rows; None for other metrics, which have a paired one alone."""
    difference: float | None = None
    """Model minus baseline; of perplexity by how much less it is, as a share of the baseline's."""
    difference_ci95: Interval | None = None


class CardedStep(Part):
    """One step of the lineage."""

    technique: Technique
    status: Status


class CardFacts(Contract):
    """The promoted variant, the decision on it, and the figures that stand in its card."""

    source: ModelVersion
    role: Role
    verdict: Verdict
    digest: Sha256
    """Content digest, which the card itself does not count in."""
    baseline_digest: Sha256 | None
    decided: str
    run_id: str
    policy: str
    policy_sha256: Sha256
    evidence_sha256: Sha256
    lineage: tuple[CardedStep, ...]
    metrics: tuple[CardedMetric, ...]
    energy: tuple[CardedEnergy, ...]
