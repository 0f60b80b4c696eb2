"""The evidence of one run on disk, and its keeping in MLflow."""

import shutil
import tempfile
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
    Proposal,
    Role,
    RunContext,
    VariantManifest,
)
from leanstage.errors import InputError
from leanstage.gate.evidence import Baseline, Candidate, Evidence, evidence_sha256
from leanstage.registry import runs
from leanstage.registry.client import RegistryError
from leanstage.registry.sources import fetch_model
from leanstage.tasks import EVALUATION_FILE, PREDICTIONS_FILE, Predictions
from leanstage.variant import MANIFEST, content_digest, open_variant
from leanstage.variant.adopt import adopt
from leanstage.variant.digest import file_sha256

KIND_TAG, PROPOSAL_KIND = "leanstage.kind", "proposal"
CANDIDATES: tuple[Role, ...] = ("optimized", "fallback")
CONTEXT, PLAN, DECISION, PROPOSAL = "context.json", "plan.json", "decision.json", "proposal.json"
VARIANT, EVALUATION, ENERGY = "variant", "evaluation", "energy.json"


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
                )
                for role, files in self.candidates.items()
            ),
            champion=champion,
            deploy=context.deploy,
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

    def keep(self) -> None:
        """Keep everything but the baseline, which the registry holds, with the MLflow run."""
        run_id = self.context().run_id
        progress.step("keeping the evidence in MLflow")
        for path, name in ((self.context_file, CONTEXT), (self.plan_file, PLAN)):
            _log_as(run_id, path, name)
        for role, files in self.candidates.items():
            runs.log_folder(run_id, files.variant, f"{role}/{VARIANT}")
            runs.log_folder(run_id, files.evaluation, f"{role}/{EVALUATION}")
            _log_as(run_id, files.energy, ENERGY, folder=role)


def propose(context_file: Path, plan_file: Path, candidates: Mapping[Role, Path]) -> str:
    """Keep both candidates in the run's MLflow run as a proposal, and close the run.

    Nothing is judged. The proposal is written last: without it, there is nothing to receive.

    Returns:
        The MLflow run.
    """
    context = RunContext.load(context_file)
    run_id = context.run_id
    progress.step("keeping the candidates in MLflow")
    digests = {role: open_variant(folder).digest for role, folder in candidates.items()}
    _log_as(run_id, plan_file, PLAN)
    for role, folder in candidates.items():
        runs.log_folder(run_id, folder, f"{role}/{VARIANT}")
    proposal = Proposal(
        run_id=run_id,
        source=context.source,
        baseline_digest=context.baseline_digest,
        optimized_digest=digests["optimized"],
        fallback_digest=digests["fallback"],
        deploy=context.deploy,
        train=context.train,
        validation=context.validation,
        unlabelled=context.unlabelled,
    )
    with tempfile.TemporaryDirectory(prefix="leanstage-proposal-") as scratch:
        runs.log_file(run_id, proposal.save(Path(scratch) / PROPOSAL))
    runs.set_tags(run_id, {KIND_TAG: PROPOSAL_KIND})
    runs.end_run(run_id, "FINISHED")
    for role, folder in candidates.items():
        progress.output(f"{role}_variant", folder)
    return run_id


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


def recall(run_id: str, target: Dossier) -> None:
    """Bring back what :meth:`Dossier.keep` kept, and the baseline from the registry.

    Raises:
        InputError: the run holds no such evidence.
    """
    scratch = target.context_file.parent / "recalled"
    progress.step("fetching the evidence from MLflow")
    unknown = InputError(
        f"MLflow holds no evidence of a leanstage run under {run_id}; give the MLflow run that "
        "the run printed."
    )
    try:
        kept = runs.fetch_artifacts(run_id, scratch)
    except RegistryError as error:
        raise (unknown if error.missing else error) from error
    if not (kept / CONTEXT).is_file():
        raise unknown
    target.context_file.parent.mkdir(parents=True, exist_ok=True)
    _move(kept / CONTEXT, target.context_file)
    _move(kept / PLAN, target.plan_file)
    for role, files in target.candidates.items():
        _move(kept / role / VARIANT, files.variant)
        _move(kept / role / EVALUATION, files.evaluation)
        _move(kept / role / ENERGY, files.energy)
    source = target.context().source
    folder, _ = fetch_model(f"models:/{source.name}/{source.version}", scratch / "baseline")
    adopt(folder, target.baseline)
    shutil.rmtree(scratch)


def _log_as(run_id: str, path: Path, name: str, folder: str | None = None) -> None:
    """Log a file under a name of ours: the pipeline's own file names carry none."""
    named = path.parent / f"{path.name}.named" / name
    named.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, named)
    runs.log_file(run_id, named, folder)
    shutil.rmtree(named.parent)


def _move(source: Path, target: Path) -> None:
    """Move what is there; what is missing the gate will miss."""
    if source.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(source, target)


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
