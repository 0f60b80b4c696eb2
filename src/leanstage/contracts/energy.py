"""EnergyComparison: energy per answer of candidate and baseline, measured interleaved."""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from leanstage.contracts.base import Contract, Interval, Part, Sha256
from leanstage.contracts.plan import HardwareProfile
from leanstage.contracts.policy import Tier
from leanstage.contracts.variant import Precision, Runtime

SavingVerdict = Literal["PASS", "FAIL", "INCONCLUSIVE"]


class MeterInfo(Part):
    """What measured, and what it covers."""

    name: str
    tier: Tier
    boundary: str
    detail: str = ""
    scale: Interval | None = None
    """True joules over those stated, at least and at most; None for a counter, taken as it is."""
    rejected: tuple[str, ...] = ()
    """Better meters that are not to be had here, each with the reason."""


class Workload(Part):
    """What the workers were asked to do."""

    batch_size: int = Field(gt=0)
    rows: int = Field(gt=0)
    dataset_sha256: Sha256
    label: str
    tokens_per_answer: int | None = Field(default=None, gt=0)
    """Tokens that every answer has where models write, the same for all; None where none do."""
    endpoint: str | None = None
    """What answers over HTTP; None where the measuring process itself does."""


class Window(Part):
    """One measured window, raw."""

    arm: str
    block: int = Field(ge=0)
    answers: int = Field(gt=0)
    wall_seconds: float = Field(gt=0)
    cpu_seconds: float | None = Field(default=None, ge=0)
    """Of the worker and of a server on its machine; None where a server elsewhere answered."""
    joules: float = Field(gt=0)
    others_cpu_seconds: float | None = Field(default=None, ge=0)
    """Processor time of everything else on the machine; None where the kernel does not tell,
    or another machine answered."""


class Idle(Part):
    """One window in which every model was in memory and none was asked, raw."""

    block: int = Field(ge=0)
    """It came before this one."""
    wall_seconds: float = Field(gt=0)
    cpu_seconds: float = Field(ge=0)
    """Of all workers together."""
    joules: float = Field(gt=0)


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


class Ratio(Part):
    """Energy per answer of ``arm`` over that of ``against``; t-interval on the log scale."""

    arm: str
    against: str
    ratio: float = Field(gt=0)
    ci95: Interval
    blocks: int = Field(gt=1)


def idle_watts(idle: Sequence[Idle]) -> float | None:
    """Mean power with every model in memory and none asked; None where it was not measured."""
    seconds = sum(window.wall_seconds for window in idle)
    return sum(window.joules for window in idle) / seconds if seconds else None


class Service(Part):
    """How one form stood requests that came at a given rate."""

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


class Check(Part):
    """One plausibility check and its outcome."""

    name: str
    passed: bool
    detail: str


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
