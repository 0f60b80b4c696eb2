"""The manifest of a variant: a model on disk, and how it came to be."""

from typing import Any, Literal

from pydantic import Field

from leanstage.contracts.base import Contract, Part, Sha256

Technique = Literal["distill", "prune", "quantize"]
Status = Literal["applied", "skipped", "rejected"]
Runtime = Literal["torch", "onnxruntime"]
Precision = Literal["fp32", "fp16", "bf16", "int8", "nf4"]

TECHNIQUES: tuple[Technique, ...] = ("distill", "prune", "quantize")


class ValidationFigures(Part):
    """A model beside its reference on the validation split, paired row by row."""

    n: int = Field(gt=0)
    accuracy: float
    reference_accuracy: float
    accuracy_drop: float
    """Reference minus model, as a share (0.01 is one percentage point)."""
    probability_drop: float
    """Mean drop in the probability of the true class: the low-variance measure."""
    probability_drop_se: float
    """Standard error of ``probability_drop``."""


class Trial(Part):
    """One setting that a technique tried, with what it measured."""

    settings: dict[str, Any]
    fits: bool
    reason: str
    validation: ValidationFigures | None = None
    cpu_ms_per_answer: float | None = None
    parameters: int | None = None
    bytes: int | None = None


class Step(Part):
    """What one technique did to the model, kept in the lineage of the variant."""

    technique: Technique
    status: Status
    reason: str
    settings: dict[str, Any] = Field(default_factory=dict)
    trials: tuple[Trial, ...] = ()
    parent_digest: Sha256
    seconds: float = Field(ge=0)


class VariantManifest(Contract):
    """``leanstage.json`` beside the weights.

    ``digest`` is the content digest of the folder with this field left out of the manifest.
    """

    task: Literal["text-classification"] = "text-classification"
    architecture: str
    labels: tuple[str, ...] = Field(min_length=2)
    runtime: Runtime
    precision: Precision
    max_length: int = Field(gt=0)
    parameters: int = Field(gt=0)
    bytes: int = Field(gt=0)
    """Size on disk of every file but the manifest and attestations."""
    lineage: tuple[Step, ...] = ()
    digest: Sha256 | None = None
