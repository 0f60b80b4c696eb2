"""StandardTasks: baseline and candidate on tasks of lm-evaluation-harness, paired."""

from pydantic import Field

from leanstage.contracts.base import Contract, Interval, Part, Probability, Sha256
from leanstage.contracts.evaluation import PairedCounts


class StandardScore(Part):
    """One metric of one task, over the same rows for both models.

    ``difference`` is candidate minus baseline. Where every row is right or wrong, ``counts`` and
    ``mcnemar_p`` are there and ``ci95`` is Tango's; elsewhere it is Student's, of the mean of the
    differences row by row.
    """

    task: str
    version: str
    metric: str
    """With the filter of the answers behind a comma, where the task has one."""
    n: int = Field(ge=2)
    baseline: float
    candidate: float
    difference: float
    ci95: Interval
    counts: PairedCounts | None = None
    mcnemar_p: Probability | None = None


class StandardTasks(Contract):
    """What two models score on standard tasks; it informs, the gate does not read it."""

    harness: str
    """Version of lm-eval."""
    limit: int | None = Field(default=None, ge=2)
    """Rows of a task at most; None where all were asked."""
    baseline_digest: Sha256
    candidate_digest: Sha256
    scores: tuple[StandardScore, ...] = Field(min_length=1)
    seconds: float = Field(ge=0)
