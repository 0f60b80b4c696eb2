"""EnergyComparison: energy per answer of candidate and baseline, measured interleaved."""

from typing import Literal

from pydantic import Field

from leanstage.contracts.base import Contract, Interval, Part, Sha256
from leanstage.contracts.plan import HardwareProfile
from leanstage.contracts.policy import Tier
from leanstage.contracts.variant import Precision, Runtime
from leanstage.contracts.windows import Check, Idle, MeterInfo, Window, Workload

SavingVerdict = Literal["PASS", "FAIL", "INCONCLUSIVE"]


class Arm(Part):
    """One model form over all its windows."""

    name: str
    runtime: Runtime
    precision: Precision
    digest: Sha256 | None = None
    joules_per_answer: float = Field(gt=0)
    """Gross: what the machine draws at rest is part of it."""
    dynamic_joules_per_answer: float | None = None
    """Beyond what the machine drew at rest; a diagnostic, and None where that is not known."""
    wh_per_1000: float = Field(gt=0)
    cpu_ms_per_answer: float | None = Field(default=None, gt=0)
    """None where a server elsewhere answered, as the next two."""
    load_seconds: float | None = Field(default=None, ge=0)
    peak_rss_bytes: int | None = Field(default=None, gt=0)
    latency_p50_ms: float = Field(gt=0)
    """As who asks sees it."""
    latency_p95_ms: float = Field(gt=0)
    latencies_ms: tuple[float, ...] = ()
    """What the two are percentiles of: the times of its single calls, ascending. Of more than 500
    as many quantiles, evenly spaced; none in documents from before they were kept."""
    idle_share: float | None = Field(default=None, ge=0)
    """Processor seconds per second that its worker took while others were asked."""


class Ratio(Part):
    """Energy per answer of ``arm`` over that of ``against``; t-interval on the log scale."""

    arm: str
    against: str
    ratio: float = Field(gt=0)
    ci95: Interval
    blocks: int = Field(gt=1)


class Service(Part):
    """How one form stood requests that came at a given rate, as its worker tells; never judged."""

    achieved_rate: float | None = Field(default=None, gt=0)
    """Answers per second; None where there were too few to tell."""
    overloaded: bool
    """Requests came faster than they were answered, so that their wait only grew."""
    latency_p50_ms: float | None = Field(default=None, gt=0)
    """From when a request was due; None under overload, where it tells of the window alone."""
    latency_p95_ms: float | None = Field(default=None, gt=0)


class Load(Part):
    """The same forms at another load than that of the workload; reported, never judged."""

    batch_size: int = Field(gt=0)
    tokens_per_answer: int | None = Field(default=None, gt=0)
    """Where it differs from the workload's: of answers of one token, prompts are the work."""
    request_rate: float | None = Field(default=None, gt=0)
    """Answers asked for per second, at random times; None where the next request waits for the
    last answer."""
    service: dict[str, Service] = Field(default_factory=dict)
    """By form, where there is a rate."""
    windows: tuple[Window, ...]
    joules_per_answer: dict[str, float]
    """By form."""
    registered: Ratio
    strongest: Ratio
    """Against the form that is cheapest at this load."""


class Decode(Part):
    """What the tokens after the first of an answer take; reported, never judged.

    Energy of whole answers less that of answers of one token, block by block.
    """

    joules_per_token: dict[str, float]
    """By form; one for which the difference is no energy is left out."""
    registered: Ratio | None
    strongest: Ratio | None
    """Against the form whose tokens are cheapest."""


class EnergyComparison(Contract):
    """Evidence on energy.

    ``registered`` compares with the baseline as registered, ``strongest`` with the cheapest
    unoptimized form of it, ``control`` a model with itself (A/A).
    """

    unit: Literal["J/answer"] = "J/answer"
    meter: MeterInfo
    workload: Workload
    node: HardwareProfile
    """The machine that measured; the gate holds it against the one that was planned for."""
    environment: dict[str, str]
    arms: tuple[Arm, ...]
    windows: tuple[Window, ...]
    registered: Ratio
    strongest: Ratio
    control: Ratio
    loads: tuple[Load, ...] = ()
    decode: Decode | None = None
    """Where models write; reading the prompts is one of the ``loads``."""
    idle: tuple[Idle, ...] = ()
    checks: tuple[Check, ...]
    baseline_digest: Sha256
    candidate_digest: Sha256
    seconds: float = Field(ge=0)

    @property
    def valid(self) -> bool:
        return bool(self.checks) and all(check.passed for check in self.checks)

    def arm(self, name: str) -> Arm:
        return next(arm for arm in self.arms if arm.name == name)

    def joules_per_token(self, arm: Arm) -> float | None:
        """Energy per output token, that of reading the prompt divided among them."""
        tokens = self.workload.tokens_per_answer
        return None if tokens is None else arm.joules_per_answer / tokens


class EnergyVerdict(Contract):
    """Whether one model saves enough energy against another; it informs, a policy decides."""

    baseline: str
    """Where the model lies."""
    candidate: str
    reference: Literal["registered", "strongest"]
    """Form of the baseline that the saving counts against."""
    min_saving: float = Field(ge=0, lt=1)
    required_saving: float = Field(ge=0, lt=1)
    """On this tier."""
    ratio: float = Field(gt=0)
    ci95: Interval
    tier: Tier
    verdict: SavingVerdict
    """What fails its checks is INCONCLUSIVE, whatever its figures."""
    reason: str
    comparison: EnergyComparison
