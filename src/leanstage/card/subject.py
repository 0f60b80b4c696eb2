"""What a card is about: the promoted variant, and the evidence on it that the gate accepted."""

from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from leanstage.contracts import (
    EnergyComparison,
    Evaluation,
    Judgement,
    Role,
    RunContext,
    VariantManifest,
)
from leanstage.errors import LeanstageError
from leanstage.report import ReportInputs
from leanstage.uris import shown

UNSOUND = ("evidence.", "digest.", "policy.")
"""Beginnings of the codes of objections to the evidence itself."""


@dataclass(frozen=True)
class Subject:
    """A promoted variant.

    Attributes:
        inputs: as of the report, but without candidates whose evidence the gate objected to.
        context: what the run was asked.
    """

    inputs: ReportInputs
    context: RunContext

    @property
    def role(self) -> Role:
        return self.inputs.decision.promoted or "baseline"

    @property
    def name(self) -> str:
        """The registered model that holds it."""
        return self.inputs.policy.promoted_to(self.inputs.decision.source.name)

    @property
    def manifest(self) -> VariantManifest:
        record = self.inputs.record(self.role)
        return record.manifest if record else self.inputs.baseline

    @property
    def evaluation(self) -> Evaluation | None:
        """The one that it was judged by; of a baseline that beside the first candidate."""
        record = self.inputs.record(self.inputs.subject)
        return record.evaluation if record else None

    @property
    def energy(self) -> EnergyComparison | None:
        """The measurement that it was part of; of a baseline that of the first candidate."""
        record = self.inputs.record(self.inputs.subject)
        return record.energy if record else None

    @property
    def judgement(self) -> Judgement | None:
        """The gate's look at it; None of a baseline, which no limit is held against."""
        return self.inputs.judgement(self.role)

    @property
    def arm(self) -> str | None:
        """Its name in the measurement."""
        if self.energy is None:
            return None
        held = self.energy.registered
        return held.against if self.role == "baseline" else held.arm


def subject_of(inputs: ReportInputs, context: RunContext) -> Subject:
    """The variant that a decision promotes.

    Raises:
        LeanstageError: it promotes none, or other bytes than those of the inputs.
    """
    sound = {
        role: record
        for role, record in inputs.candidates.items()
        if not _refused(inputs.judgement(role))
    }
    subject = Subject(replace(inputs, candidates=sound), context)
    decision = inputs.decision
    if decision.promoted is None or subject.manifest.digest != decision.digest:
        raise LeanstageError(
            f"the decision of MLflow run {decision.run_id} does not promote the variant that a "
            "card was asked for; decide again."
        )
    return subject


def origin(uri: str) -> str:
    """A URI as it may be published: no account, and of a path of this machine the last part."""
    parts = urlsplit(uri)
    if parts.scheme in ("hf", "models"):
        return uri
    if parts.scheme in ("", "file") or len(parts.scheme) == 1:
        return PurePosixPath(parts.path).name or "a folder"
    return shown(uri)


def hub_model(uri: str) -> str | None:
    """The name on the hub of a model that came from there: ``org/name``."""
    name, _, _ = uri.removeprefix("hf://").partition("@")
    return name if uri.startswith("hf://") else None


def _refused(judgement: Judgement | None) -> bool:
    return judgement is None or any(r.code.startswith(UNSOUND) for r in judgement.reasons)
