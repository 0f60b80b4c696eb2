"""Evidence and proposals in MLflow: kept by a run, brought back for a later one."""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from leanstage import progress
from leanstage.contracts import Proposal, Role, RunContext
from leanstage.errors import InputError
from leanstage.gate.dossier import Dossier
from leanstage.registry import runs
from leanstage.registry.champions import COLLECTED
from leanstage.registry.client import RegistryError
from leanstage.registry.sources import fetch_model
from leanstage.variant import open_variant
from leanstage.variant.adopt import adopt

CONTEXT, PLAN, DECISION, PROPOSAL = "context.json", "plan.json", "decision.json", "proposal.json"
VARIANT, EVALUATION, ENERGY = "variant", "evaluation", "energy.json"
MODEL_CARD = "model-card.md"
KIND_TAG, PROPOSAL_KIND = "leanstage.kind", "proposal"


def keep(dossier: Dossier) -> None:
    """Keep everything but the baseline, which the registry holds, with the MLflow run."""
    run_id = dossier.context().run_id
    progress.step("keeping the evidence in MLflow")
    for path, name in ((dossier.context_file, CONTEXT), (dossier.plan_file, PLAN)):
        _log_as(run_id, path, name)
    for role, files in dossier.candidates.items():
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
        student=context.student,
    )
    with tempfile.TemporaryDirectory(prefix="leanstage-proposal-") as scratch:
        runs.log_file(run_id, proposal.save(Path(scratch) / PROPOSAL))
    runs.set_tags(run_id, {KIND_TAG: PROPOSAL_KIND})
    runs.end_run(run_id, "FINISHED")
    for role, folder in candidates.items():
        progress.output(f"{role}_variant", folder)
    return run_id


def recall(run_id: str, target: Dossier) -> None:
    """Bring back what :meth:`Dossier.keep` kept, and the baseline from the registry.

    Raises:
        InputError: the run holds no such evidence, or its candidates were collected.
    """
    scratch = target.context_file.parent / "recalled"
    progress.step("fetching the evidence from MLflow")
    unknown = InputError(
        f"MLflow holds no evidence of a leanstage run under {run_id}; give the MLflow run that "
        "the run printed."
    )
    kept = fetch(run_id, scratch, CONTEXT, unknown)
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


def fetch(run_id: str, target: Path, paper: str, unknown: InputError) -> Path:
    """Download what a run keeps, its candidates included; ``paper`` has to be part of it.

    Raises:
        InputError: ``unknown`` where there is no such run or paper; another one where the
            candidates were collected.
    """
    try:
        kept = runs.fetch_artifacts(run_id, target)
    except RegistryError as error:
        if error.missing:
            raise unknown from error
        _require_candidates(run_id)
        raise
    if not (kept / paper).is_file():
        raise unknown
    # Asked last: a collection marks the run before the first file goes.
    _require_candidates(run_id)
    return kept


def _require_candidates(run_id: str) -> None:
    day = runs.tags_of(run_id).get(COLLECTED)
    if day is not None:
        raise InputError(
            f"the candidates of run {run_id} were collected on {day} (leanstage gc); run it anew."
        )


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
