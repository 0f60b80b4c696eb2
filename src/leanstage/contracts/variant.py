"""The manifest of a variant: a model on disk, and how it came to be."""

from typing import Any, Literal, Self

from pydantic import AliasChoices, Field, model_validator

from leanstage.contracts.base import Contract, Part, Sha256

Task = Literal["text-classification", "text-generation"]
Technique = Literal["distill", "prune", "quantize"]
Status = Literal["applied", "skipped", "rejected"]
Runtime = Literal["torch", "onnxruntime", "openvino"]
Precision = Literal["fp32", "fp16", "bf16", "int8", "int4", "nf4"]

TECHNIQUES: tuple[Technique, ...] = ("distill", "prune", "quantize")


class ValidationFigures(Part):
    """A model beside its reference on the validation split, paired row by row.

    For generation the rows are the tokens to predict, the classes those of the vocabulary: the
    accuracy is that of the likeliest next token, given the true ones before it.
    """

    n: int = Field(gt=0)
    accuracy: float
    reference_accuracy: float
    accuracy_drop: float
    """Reference minus model, as a share (0.01 is one percentage point)."""
    probability_drop: float
    """Mean drop in the probability of the true class: the low-variance measure."""
    probability_drop_se: float
    """Standard error of ``probability_drop``."""
    discordant: float | None = Field(default=None, ge=0.0, le=1.0)
    """Share of the rows on which one of the two alone is right; None of tokens, and in manifests
    from before it was looked at."""


class Trial(Part):
    """One setting that a technique tried, with what it measured.

    Manifests written before a GPU's time counted say ``cpu_ms_per_answer``.
    """

    settings: dict[str, Any]
    fits: bool
    reason: str
    validation: ValidationFigures | None = None
    limit: float | None = None
    """The most that it might lose of the true class's probability, where that was looked at."""
    ms_per_answer: float | None = Field(
        default=None, validation_alias=AliasChoices("ms_per_answer", "cpu_ms_per_answer")
    )
    """Processor time of all threads, or wall time on a GPU, timed as the step timed its input."""
    parameters: int | None = None
    bytes: int | None = None


class Step(Part):
    """What one technique did to the model, kept in the lineage of the variant."""

    technique: Technique
    status: Status
    reason: str
    settings: dict[str, Any] = Field(default_factory=dict)
    trials: tuple[Trial, ...] = ()
    input_ms_per_answer: float | None = Field(
        default=None,
        validation_alias=AliasChoices("input_ms_per_answer", "input_cpu_ms_per_answer"),
    )
    """Of the model that the step was given."""
    node: str = ""
    """Kind of node that the trials were timed on, in words; empty where the step says nothing."""
    parent_digest: Sha256
    seconds: float = Field(ge=0)

    @property
    def kept(self) -> Trial | None:
        """The trial whose model an applied step passed on."""
        fitting = [trial for trial in self.trials if trial.fits]
        chosen = [trial for trial in fitting if trial.settings == self.settings]
        return next(iter(chosen or fitting), None) if self.status == "applied" else None

    @property
    def output_ms_per_answer(self) -> float | None:
        """Of the model that the step passed on, where it was timed."""
        if self.status != "applied":
            return self.input_ms_per_answer
        return self.kept.ms_per_answer if self.kept else None


class VariantManifest(Contract):
    """``leanstage.json`` beside the weights.

    ``digest`` is the content digest of the folder with this field left out of the manifest.
    """

    task: Task = "text-classification"
    architecture: str
    labels: tuple[str, ...] = ()
    """Classes in the order of the logits, two at least; empty for generation."""
    runtime: Runtime
    precision: Precision
    max_length: int = Field(gt=0)
    parameters: int = Field(gt=0)
    bytes: int = Field(gt=0)
    """Size on disk of every file but the manifest and attestations."""
    lineage: tuple[Step, ...] = ()
    digest: Sha256 | None = None

    @model_validator(mode="after")
    def _labels_suit_the_task(self) -> Self:
        least, most = (2, None) if self.task == "text-classification" else (0, 0)
        if len(self.labels) < least or (most is not None and len(self.labels) > most):
            raise ValueError(f"{self.task} with {len(self.labels)} labels")
        return self
