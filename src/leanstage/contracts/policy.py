"""ModelPolicy: what a promotion must show. Its hash goes into every decision."""

import re
from typing import Literal

from pydantic import Field, field_validator, model_validator

from leanstage.contracts.base import Contract, Part, Probability, Sha256
from leanstage.contracts.plan import Serving

Tier = Literal["measured", "attributed", "estimated", "declared"]
Metric = Literal["accuracy", "macro_f1", "exact_match", "perplexity"]


class Approver(Part):
    """Where a justification counts: an MLflow experiment that one account alone may write to."""

    experiment: str = Field(min_length=1)
    user: str | None = None
    """Account of the approver; it must be named where MLflow keeps permissions."""
    experiment_id: str | None = None
    """Pins the experiment: names are free to whoever comes first."""


class Resources(Part):
    """What a container asks of its node and may take of it, in the quantities of Kubernetes."""

    requests: dict[str, str] = Field(default_factory=dict)
    limits: dict[str, str] = Field(default_factory=dict)


SERVICE_NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
"""What Kubernetes lets a service be called."""


class Target(Part):
    """Where the champion serves: an InferenceService of KServe."""

    namespace: str = Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")
    service: str = "{name}"
    """``{name}`` stands for the name of the candidate model."""
    resources: Resources | None = None
    """None lets the size of the variant say how much memory, and leaves the processors as they
    are."""
    ready_minutes: float = Field(default=15.0, gt=0)
    """After this long without an answer of the new variant, the old one is put back."""

    @field_validator("service")
    @classmethod
    def _is_a_name(cls, value: str) -> str:
        if not SERVICE_NAME.fullmatch(value.replace("{name}", "name")):
            raise ValueError("service is a name, in which {name} stands for the candidate's")
        return value

    def service_of(self, name: str) -> str:
        """The InferenceService of the champion of the model ``name``."""
        return self.service.replace("{name}", name)


class ModelPolicy(Contract):
    """The gate's limits for the models that ``models`` (name globs) covers."""

    name: str = Field(default="default", pattern=r"^[\w.-]+$")
    models: tuple[str, ...] = ("*",)

    metric: Metric = "accuracy"
    """What ``tolerance`` and ``margin`` hold for.

    Of models that generate, ``accuracy`` means ``exact_match``. For ``perplexity`` both are shares
    of the baseline's: 0.01 is one percent more.
    """
    tolerance: Probability = 0.01
    """Largest accepted point estimate of the drop."""
    margin: Probability = 0.02
    """Largest accepted upper bound of the drop, at ``confidence``, one-sided."""
    confidence: float = Field(default=0.95, gt=0.5, lt=1.0)
    min_n: int = Field(default=300, ge=1)
    """Fewest evaluation rows on which a promotion may rest."""
    slices: tuple[str, ...] = ("label",)
    """Columns of the evaluation rows whose values form slices; ``label`` is the true class."""
    slice_tolerance: Probability = 0.05
    """A slice that is shown to lose more accuracy than this blocks."""
    vs_champion: bool = True
    """Hold candidates against the current champion too, within ``margin``."""

    min_agreement: float | None = Field(default=None, ge=0.0, lt=1.0)
    """Least share of the production sample on which candidate and baseline answer alike.

    It has to be shown at ``confidence``, one-sided, which no sample does for all of production;
    None asks for no sample.
    """

    min_saving: float = Field(default=0.20, ge=0.0, lt=1.0)
    """Least share of energy per answer to be saved against ``reference``."""
    reference: Literal["strongest", "registered"] = "strongest"
    """Baseline form that savings are held against; the other ratio is shown beside it."""
    tiers: tuple[Tier, ...] = ("measured", "attributed", "estimated")
    batch_size: int = Field(default=8, ge=1)
    """Production load: rows per request batch at which energy is measured."""
    request_rate: float | None = Field(default=None, gt=0)
    """Production load: answers per second, on average; None where nobody says."""
    serving: Serving = "any"
    """What loads the model where it serves; what it cannot load is neither tried nor promoted."""
    hardware: str | None = Field(default=None, min_length=1)
    """Name or URI of the hardware profile of what serves; a run that names another is refused."""

    max_latency_p50_ms: float | None = Field(default=None, gt=0)
    max_latency_p95_ms: float | None = Field(default=None, gt=0)
    max_bytes: int | None = Field(default=None, gt=0)

    train: str | None = None
    """URIs of the data; a run that names other data is refused, one that names none takes these."""
    validation: str | None = None
    unlabelled: str | None = None
    production: str | None = None
    """URI of a sample of what production asks: text without labels."""
    student: str | None = None
    """URI of a pretrained checkpoint to distill into, beside the students cut from the model."""
    evaluation: str | None = None
    evaluation_sha256: Sha256 | None = None
    """SHA-256 of the normalised evaluation rows; any other evaluation data is refused."""
    allow_overlap: bool = False
    """Accept evaluation rows that also stand in the training split (recorded when so)."""

    approvers: tuple[Approver, ...] = (Approver(experiment="leanstage-approvals"),)
    """Where justifications count."""
    require_permissions: bool = False
    """Accept justifications only where MLflow keeps permissions that show who may write them."""
    promoted_model: str = "{name}"
    """Registered model that holds the champion; ``{name}`` is the name of the candidate model."""
    promoted_experiment: str = Field(default="leanstage-promoted", min_length=1)
    """Experiment that holds the promoted bytes; only the gate may write to it."""
    target: Target | None = None
    """Where promotion lets the champion serve; None leaves that to whoever watches the alias."""

    @model_validator(mode="after")
    def _margin_covers_tolerance(self) -> "ModelPolicy":
        if self.margin < self.tolerance:
            raise ValueError("margin must be at least tolerance")
        return self

    @field_validator("hardware")
    @classmethod
    def _names_one_profile(cls, value: str | None) -> str | None:
        if value == "auto":
            raise ValueError("hardware names a profile; leave it out for the machine of the run")
        return value

    @field_validator("promoted_model")
    @classmethod
    def _only_the_name_is_filled_in(cls, value: str) -> str:
        if not value.strip() or re.search(r"[{}'/:]", value.replace("{name}", "")):
            raise ValueError("promoted_model is a name, in which {name} stands for the candidate's")
        return value

    def promoted_to(self, name: str) -> str:
        """The registered model that holds the champion of the model ``name``."""
        return self.promoted_model.replace("{name}", name)

    def required_saving(self, tier: Tier) -> float:
        """Saving to show on ``tier``; an estimate must save a quarter of the rest beside it."""
        if tier == "estimated":
            return self.min_saving + (1.0 - self.min_saving) * 0.25
        return self.min_saving
