"""ProductionCheck: how both models answer what production asks, and whether the data is like it."""

from typing import Literal

from pydantic import Field

from leanstage.contracts.base import Interval, Part, Probability, Sha256

Reference = Literal["train", "evaluation"]


class Drift(Part):
    """How well a classifier tells the sample of production from other rows of the run.

    A classifier two-sample test (Lopez-Paz & Oquab 2017), cross-validated: where nothing differs,
    ``auc`` is 0.5; at 1 every row gives away where it is from. ``ci95`` is Newcombe's.
    """

    against: Reference
    n: int = Field(gt=0)
    """Different texts of the sample that were compared, and below, of the other rows."""
    n_other: int = Field(gt=0)
    auc: Probability
    ci95: Interval


class ProductionCheck(Part):
    """Both models on a sample of production, which has no labels. ``ci95`` is Wilson's."""

    n: int = Field(gt=0)
    same: int = Field(ge=0)
    """Rows on which both give the same answer."""
    agreement: Probability
    ci95: Interval
    drift: tuple[Drift, ...] = ()
    """Against training and evaluation rows; what has too few rows to tell is left out."""
    dataset_sha256: Sha256
    answers_sha256: Sha256
    """SHA-256 of the file of answers and scores, row by row, from which every figure follows."""
