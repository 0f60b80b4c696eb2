"""Audit: what serves at present, and on which evidence."""

from typing import Literal

from pydantic import Field

from leanstage.contracts.base import Contract, Part, Sha256
from leanstage.contracts.decision import Verdict
from leanstage.contracts.variant import Precision, Runtime, Technique

AuditStatus = Literal[
    "unverifiable", "never-evaluated", "justification-expired", "justified", "optimized"
]
"""How a serving version stands, the worst first."""


class AuditEntry(Part):
    """One version behind a serving alias.

    What was not read is None: figures come from the signed decision and the manifest beside it.
    """

    model: str
    version: str | None
    """None where not even the versions behind the aliases of the model could be read."""
    aliases: tuple[str, ...] = ()
    status: AuditStatus
    reason: str
    registered: str | None = None
    """UTC, like ``decided``."""
    decided: str | None = None
    age_days: float | None = Field(default=None, ge=0)
    """Since the version was registered."""
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
    error: str | None = None
    """Why it could not be read, as a sentence; None where it was."""


class Coverage(Part):
    """Serving versions by how they stand; ``models`` is all of them."""

    models: int = Field(ge=0)
    evaluated: int = Field(ge=0)
    """Those for which all three techniques were evaluated, applied or not."""
    optimized: int = Field(ge=0)
    justified: int = Field(ge=0)
    rest: int = Field(ge=0)


class Audit(Contract):
    """Every version behind a serving alias of one MLflow, those to look at first on top."""

    taken: str
    """Time of the audit, UTC."""
    where: str
    """The MLflow server, without a password."""
    aliases: tuple[str, ...] = Field(min_length=1)
    """Aliases that count as serving."""
    entries: tuple[AuditEntry, ...]
    coverage: Coverage
    complete: bool
    """Whether everything that was to be read could be."""
