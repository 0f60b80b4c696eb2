"""Evaluation: baseline and candidate on the same rows, paired."""

from typing import Literal, Self

from pydantic import Field, model_validator

from leanstage.contracts.base import Contract, Interval, Part, Probability, Sha256
from leanstage.contracts.production import ProductionCheck


class PairedCounts(Part):
    """The 2 x 2 table of right and wrong answers over the same rows."""

    both_right: int = Field(ge=0)
    baseline_only: int = Field(ge=0)
    candidate_only: int = Field(ge=0)
    both_wrong: int = Field(ge=0)

    @property
    def n(self) -> int:
        return self.both_right + self.baseline_only + self.candidate_only + self.both_wrong

    @property
    def drop(self) -> float:
        """Accuracy of the baseline minus accuracy of the candidate."""
        return (self.baseline_only - self.candidate_only) / self.n


class Flip(Part):
    """One row that the candidate answers differently from the baseline."""

    row: int
    text: str
    label: str
    baseline: str
    candidate: str


class ClassFigures(Part):
    """Recall of one class under both models."""

    label: str
    n: int = Field(ge=0)
    baseline_recall: Probability | None
    candidate_recall: Probability | None


class SliceCounts(Part):
    """The paired table over the rows with one value in one column."""

    column: str
    value: str
    counts: PairedCounts


class MacroF1(Part):
    """Unweighted mean of the F1 of every class; ``ci95`` of the difference is bootstrapped.

    Seeded, over whole rows, 95% percentile interval.
    """

    baseline: Probability
    candidate: Probability
    difference: float
    ci95: Interval


class Perplexity(Part):
    """Exponential of the mean negative log-probability of a true token, under both models.

    ``ci95`` of the ratio is bootstrapped, seeded, over whole rows: 95% percentile interval.
    """

    tokens: int = Field(gt=0)
    baseline: float = Field(ge=1)
    candidate: float = Field(ge=1)
    ratio: float = Field(gt=0)
    """Candidate over baseline: 1.01 is one percent more."""
    ci95: Interval


class ChampionComparison(Part):
    """The current champion on the same rows; in ``counts`` it stands where the baseline stands."""

    digest: Sha256
    accuracy: Probability
    counts: PairedCounts


class Evaluation(Contract):
    """Evidence on accuracy. ``difference`` is candidate minus baseline; ``ci95`` is Tango's.

    For models that generate a row is right where what was written is the reference, spacing aside
    (exact match); classes there are none, and the perplexity is known.
    """

    metric: Literal["accuracy", "exact_match"] = "accuracy"
    """What ``baseline``, ``candidate`` and the paired counts are of."""
    n: int = Field(gt=0)
    baseline: Probability
    candidate: Probability
    difference: float
    ci95: Interval
    counts: PairedCounts
    mcnemar_p: Probability
    """Exact, two-sided."""
    agreement: Probability
    """Share of rows on which both give the same answer, or write the same, right or wrong."""
    baseline_digest: Sha256
    candidate_digest: Sha256
    dataset_sha256: Sha256
    overlap_with_train: int = Field(default=0, ge=0)
    predictions_sha256: Sha256
    """SHA-256 of the file of answers, row by row, from which every figure here follows."""
    macro_f1: MacroF1 | None = None
    """Of classes; else there is ``perplexity``."""
    perplexity: Perplexity | None = None
    champion: ChampionComparison | None = None
    production: ProductionCheck | None = None
    """None where no sample of production was given: the candidate was not checked against it."""
    slices: tuple[SliceCounts, ...] = ()
    classes: tuple[ClassFigures, ...] = ()
    confusion: tuple[tuple[int, ...], ...] = ()
    """Candidate's confusion matrix: rows are true classes, columns are answers.

    Empty where there are more than 50 classes.
    """
    flips: tuple[Flip, ...] = ()
    """The first rows answered differently (at most 20)."""
    seconds: float = Field(ge=0)

    @model_validator(mode="after")
    def _figures_suit_the_metric(self) -> Self:
        of_classes = self.metric == "accuracy"
        if of_classes != (self.macro_f1 is not None) or of_classes == (self.perplexity is not None):
            raise ValueError("accuracy comes with macro_f1, exact_match with perplexity")
        return self
