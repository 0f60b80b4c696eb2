"""ModelPolicy: what a promotion must show. Its hash goes into every decision."""

from typing import Literal

from pydantic import Field, model_validator

from leanstage.contracts.base import Contract, Probability, Sha256

Tier = Literal["measured", "attributed", "estimated", "declared"]


class ModelPolicy(Contract):
    """The gate's limits for the models that ``models`` (name globs) covers."""

    name: str = "default"
    models: tuple[str, ...] = ("*",)

    tolerance: Probability = 0.01
    """Largest accepted point estimate of the accuracy drop."""
    margin: Probability = 0.02
    """Largest accepted upper bound of the accuracy drop, at ``confidence``, one-sided."""
    confidence: float = Field(default=0.95, gt=0.5, lt=1.0)
    min_n: int = Field(default=300, ge=1)
    """Fewest evaluation rows on which a promotion may rest."""

    min_saving: float = Field(default=0.20, ge=0.0, lt=1.0)
    """Least share of energy per answer to be saved against ``reference``."""
    reference: Literal["strongest", "registered"] = "strongest"
    """Baseline form that savings are held against; the other ratio is shown beside it."""
    tiers: tuple[Tier, ...] = ("measured", "attributed", "estimated")
    batch_size: int = Field(default=8, ge=1)
    """Production load: rows per request batch at which energy is measured."""

    max_latency_p95_ms: float | None = Field(default=None, gt=0)
    max_bytes: int | None = Field(default=None, gt=0)

    allow_overlap: bool = False
    """Accept evaluation rows that also stand in the training split (recorded when so)."""
    evaluation_sha256: Sha256 | None = None
    """SHA-256 of the normalised evaluation rows; any other evaluation data is refused."""
    approvers: tuple[str, ...] = ("leanstage-approvals",)
    """MLflow experiments in which a justification counts."""

    @model_validator(mode="after")
    def _margin_covers_tolerance(self) -> "ModelPolicy":
        if self.margin < self.tolerance:
            raise ValueError("margin must be at least tolerance")
        return self

    def required_saving(self, tier: Tier) -> float:
        """Saving to show on ``tier``; an estimate must save a quarter of the rest beside it."""
        if tier == "estimated":
            return self.min_saving + (1.0 - self.min_saving) * 0.25
        return self.min_saving
