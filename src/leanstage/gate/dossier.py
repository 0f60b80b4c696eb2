"""The evidence of one run on disk."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from leanstage import progress
from leanstage.contracts import (
    Champion,
    EnergyComparison,
    Evaluation,
    Plan,
    Role,
    RunContext,
    VariantManifest,
)
from leanstage.errors import InputError
from leanstage.gate.evidence import Baseline, Candidate, Evidence, evidence_sha256
from leanstage.tasks import EVALUATION_FILE, PREDICTIONS_FILE, Predictions
from leanstage.tasks.production import PRODUCTION_FILE, SampleAnswers
from leanstage.variant import MANIFEST, content_digest
from leanstage.variant.digest import file_sha256

CANDIDATES: tuple[Role, ...] = ("optimized", "fallback")


@dataclass(frozen=True)
class CandidateFiles:
    """Where one candidate and its evidence lie; ``evaluation`` is a folder with its answers."""

    variant: Path
    evaluation: Path
    energy: Path

    def manifest(self) -> VariantManifest | None:
        """The manifest, None where it is missing or broken."""
        return _manifest(self.variant)

    def read_evaluation(self) -> Evaluation | None:
        """The evaluation, None where it is missing or broken."""
        try:
            return Evaluation.load(self.evaluation / EVALUATION_FILE)
        except InputError:
            return None

    def read_predictions(self) -> Predictions | None:
        """The answers; None where the file is gone, broken or another than was evaluated."""
        evaluation, path = self.read_evaluation(), self.evaluation / PREDICTIONS_FILE
        try:
            if evaluation is None or file_sha256(path) != evaluation.predictions_sha256:
                return None
            return Predictions.load(path)
        except (InputError, OSError):
            return None

    def read_sample(self) -> SampleAnswers | None:
        """The answers to the sample of production; None likewise, and where none was given."""
        evaluation, path = self.read_evaluation(), self.evaluation / PRODUCTION_FILE
        check = None if evaluation is None else evaluation.production
        try:
            if check is None or file_sha256(path) != check.answers_sha256:
                return None
            return SampleAnswers.load(path)
        except (InputError, OSError):
            return None

    def read_energy(self) -> EnergyComparison | None:
        """The energy comparison, None where it is missing or broken."""
        try:
            return EnergyComparison.load(self.energy)
        except InputError:
            return None


@dataclass(frozen=True)
class Dossier:
    """All files that one decision rests on."""

    context_file: Path
    plan_file: Path
    baseline: Path
    candidates: Mapping[Role, CandidateFiles]

    def context(self) -> RunContext:
        return RunContext.load(self.context_file)

    def plan(self) -> Plan:
        return Plan.load(self.plan_file)

    def baseline_manifest(self) -> VariantManifest | None:
        """The baseline's manifest, None where it is missing or broken."""
        return _manifest(self.baseline)

    def evidence(
        self,
        *,
        now: datetime,
        guarantee: str,
        champion: Champion | None,
        untrusted: str | None = None,
    ) -> Evidence:
        """What the gate is shown: documents as they lie there, digests from the bytes.

        Args:
            champion: what serves now.
            untrusted: why the policy of the run does not hold for its model, where so.
        """
        context = self.context()
        return Evidence(
            source=context.source,
            baseline=Baseline(self.baseline_manifest(), _digest(self.baseline)),
            candidates=tuple(
                Candidate(
                    role,
                    files.manifest(),
                    _digest(files.variant),
                    files.read_evaluation(),
                    files.read_energy(),
                    files.read_predictions(),
                    files.read_sample(),
                )
                for role, files in self.candidates.items()
            ),
            champion=champion,
            deploy=context.deploy,
            hardware=context.hardware,
            run_id=context.run_id,
            now=now,
            guarantee=guarantee,
            untrusted=untrusted,
        )

    def evidence_sha256(self) -> str:
        """The hash that a decision on these files carries."""
        shown = self.evidence(now=datetime.now(UTC), guarantee="", champion=None)
        return evidence_sha256(shown)

    def announce(self) -> None:
        """Tell a listening runner where everything lies."""
        progress.output("context", self.context_file)
        progress.output("plan", self.plan_file)
        progress.output("baseline", self.baseline)
        for role, files in self.candidates.items():
            progress.output(f"{role}_variant", files.variant)
            progress.output(f"{role}_evaluation", files.evaluation / EVALUATION_FILE)
            progress.output(f"{role}_energy", files.energy)


def dossier_of_files(
    *,
    context: str,
    plan: str,
    baseline: str,
    optimized: tuple[str, str, str],
    fallback: tuple[str, str, str],
) -> Dossier:
    """A dossier of paths; a candidate is ``(variant, evaluation, energy)``."""
    return Dossier(
        context_file=Path(context),
        plan_file=Path(plan),
        baseline=Path(baseline),
        candidates={
            "optimized": CandidateFiles(*map(Path, optimized)),
            "fallback": CandidateFiles(*map(Path, fallback)),
        },
    )


def _manifest(folder: Path) -> VariantManifest | None:
    try:
        return VariantManifest.load(folder / MANIFEST)
    except InputError:
        return None


def _digest(folder: Path) -> str | None:
    """The digest recomputed from the bytes, None where there is no variant to hash."""
    manifest = _manifest(folder)
    if manifest is None:
        return None
    try:
        return content_digest(folder, manifest)
    except InputError:
        return None
