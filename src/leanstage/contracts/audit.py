"""Audit: what serves at present, on which evidence, and what optimizing it would save."""

from typing import Literal

from pydantic import Field

from leanstage.contracts.base import Contract, Interval, Part, Sha256
from leanstage.contracts.decision import Verdict
from leanstage.contracts.policy import Tier
from leanstage.contracts.variant import Precision, Runtime, Technique

AuditStatus = Literal[
    "drifted",
    "unverifiable",
    "never-evaluated",
    "justification-expired",
    "justified",
    "optimized",
]
"""How what serves stands, the worst first."""

DeployedKind = Literal["InferenceService", "Deployment", "StatefulSet"]
FlagCode = Literal["parameters.many", "precision.full", "accelerator.small", "policy.changed"]


class Deployed(Part):
    """Something on a cluster that serves a model."""

    kind: DeployedKind
    namespace: str
    name: str
    storage: str | None = None
    """Where it says that its model comes from, without passwords; None where it does not say."""
    server: str = ""
    """The server or format that it names, such as ``vllm`` or ``huggingface``."""
    replicas: int | None = Field(default=None, ge=0)
    accelerators: int = Field(default=0, ge=0)
    """GPUs and their like that one replica asks for."""
    share_percent: int | None = Field(default=None, ge=0, le=100)
    """Share of the workload's requests that this gets while a rollout lasts; None is all."""
    model: str | None = None
    """The registered model that its annotation ``leanstage.io/model`` says it serves."""


class Flag(Part):
    """A sign that a model is larger or dearer than its task asks for."""

    code: FlagCode
    sentence: str


class YearlySaving(Part):
    """What optimizing a model would save in a year; each figure from its least to its most."""

    kwh: Interval
    tco2e: Interval
    money: Interval
    currency: str
    share: Interval
    """Share of the energy per answer that is saved."""
    joules_per_answer: Interval
    """Energy per answer as it serves."""
    basis: str
    """Where share and energy come from, as a sentence."""


class AuditEntry(Part):
    """One version behind a serving alias, or one workload whose model no registry knows.

    What was not read is None: figures come from the signed decision and the manifest beside it.
    """

    model: str
    """The registered model; for a workload of its own ``namespace/name``."""
    version: str | None
    """None where not even the versions behind the aliases of the model could be read."""
    aliases: tuple[str, ...] = ()
    served_by: tuple[Deployed, ...] = ()
    """What serves it on the cluster."""
    status: AuditStatus
    reason: str
    registered: str | None = None
    """UTC, like ``decided``."""
    decided: str | None = None
    age_days: float | None = Field(default=None, ge=0)
    """Since the version was registered, or the workload made."""
    task: str | None = None
    parameters: int | None = None
    bytes: int | None = None
    runtime: Runtime | None = None
    precision: Precision | None = None
    techniques: tuple[Technique, ...] = ()
    """Those that were evaluated for this model, whether or not they were applied."""
    digest: Sha256 | None = None
    verdict: Verdict | None = None
    saving: float | None = None
    """Share of energy per answer saved against the reference, as measured for the decision."""
    saving_bound: float | None = None
    """Lower end of the 95% interval of ``saving``."""
    joules_per_answer: float | None = Field(default=None, gt=0)
    """Of what serves, as measured for the decision."""
    baseline_joules_per_answer: float | None = Field(default=None, gt=0)
    """Of the model that it was made from, as registered."""
    tier: Tier | None = None
    """How both energies were measured."""
    policy_name: str | None = None
    policy_sha256: Sha256 | None = None
    """The policy that it was decided under."""
    requests_per_year: float | None = Field(default=None, ge=0)
    requests_from: str = ""
    """Where that is known from."""
    yearly: YearlySaving | None = None
    """What is left to save; None where it is optimized or its volume is not known."""
    flags: tuple[Flag, ...] = ()
    error: str | None = None
    """Why it could not be read, as a sentence; None where it was."""


class Coverage(Part):
    """What serves by how it stands; ``models`` is all of it."""

    models: int = Field(ge=0)
    evaluated: int = Field(ge=0)
    """Those for which all three techniques were evaluated, applied or not."""
    optimized: int = Field(ge=0)
    justified: int = Field(ge=0)
    rest: int = Field(ge=0)


class Audit(Contract):
    """All that serves by one MLflow and, where one was read, a cluster; the most to save on top."""

    taken: str
    """Time of the audit, UTC."""
    examined_since: str | None = None
    """Of an audit that went on with one that was interrupted: its oldest entry, UTC."""
    where: str
    """The MLflow server, without a password."""
    cluster: str | None = None
    """The Kubernetes API that was read; None where none was."""
    aliases: tuple[str, ...] = Field(min_length=1)
    """Aliases that count as serving."""
    entries: tuple[AuditEntry, ...]
    coverage: Coverage
    problems: tuple[str, ...] = ()
    """What was to be asked beside MLflow and could not be, a sentence each."""
    notes: tuple[str, ...] = ()
    """What was left out, and what figures rest on, a sentence each."""
    complete: bool
    """Whether everything that was to be read could be."""
