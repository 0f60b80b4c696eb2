"""Promotion: exactly the decided bytes, stored where the gate writes, aliased last."""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from leanstage import progress
from leanstage.contracts import Decision, ModelVersion, Role, RunContext
from leanstage.errors import BlockedError, LeanstageError
from leanstage.gate.dossier import DECISION
from leanstage.registry import runs
from leanstage.registry.client import CHAMPION, PROMOTED_EXPERIMENT
from leanstage.registry.versions import champion, download, make_champion, register
from leanstage.variant import Variant, fresh_folder, open_variant


def promote(
    context: RunContext,
    decision: Decision,
    *,
    variants: Mapping[Role, Path],
    target: Path,
) -> ModelVersion:
    """Make the decided variant the champion; returns its registered version.

    Nothing handed in is trusted: the decision must be the one kept in MLflow, the bytes must hash
    to its digest, and what was stored is read back and hashed again before the alias moves. A
    failure at any point leaves the old champion in place.

    Raises:
        BlockedError: the decision is BLOCKED.
        LeanstageError: decision, bytes or what was stored do not agree.
    """
    _require_kept(decision)
    if decision.promoted is None or decision.digest is None:
        runs.end_run(decision.run_id, "FINISHED")
        raise BlockedError(f"nothing was promoted: {decision.sentence}")
    with fresh_folder(target) as draft:
        shutil.copytree(variants[decision.promoted], draft, dirs_exist_ok=True)
    variant = open_variant(target)
    if variant.digest != decision.digest:
        shutil.rmtree(target)
        raise LeanstageError(
            f"the {decision.promoted} variant hashes to {variant.digest}, the decision names "
            f"{decision.digest}; nothing was promoted: run the pipeline again."
        )
    before = champion(context.source.name)
    progress.step("storing the promoted variant")
    version = register(
        variant,
        context.source.name,
        experiment=PROMOTED_EXPERIMENT,
        run_id=decision.run_id,
        tags={
            "leanstage.role": decision.promoted,
            "leanstage.verdict": decision.verdict,
            "leanstage.source": f"{context.source.name}/{context.source.version}",
            "leanstage.replaced": f"{before.name}/{before.version}" if before else "none",
        },
    )
    _require_stored(version, variant)
    progress.step(f"pointing {CHAMPION} at version {version.version}")
    make_champion(version)
    runs.set_tags(
        decision.run_id, {"leanstage.promoted": f"models:/{version.name}/{version.version}"}
    )
    runs.end_run(decision.run_id, "FINISHED")
    progress.output("promoted", target)
    progress.output("promoted_version", version.version)
    return version


def _require_kept(decision: Decision) -> None:
    with tempfile.TemporaryDirectory(prefix="leanstage-decision-") as scratch:
        kept = Decision.load(runs.fetch_artifact(decision.run_id, DECISION, Path(scratch)))
    if kept != decision:
        raise LeanstageError(
            f"the decision handed to promote differs from the one kept in MLflow run "
            f"{decision.run_id}; nothing was promoted: decide again."
        )


def _require_stored(version: ModelVersion, variant: Variant) -> None:
    with tempfile.TemporaryDirectory(prefix="leanstage-stored-") as scratch:
        stored = open_variant(download(version, Path(scratch)))
    if stored.digest != variant.digest:
        raise LeanstageError(
            f"version {version.version} of {version.name} reads back with digest {stored.digest} "
            f"instead of {variant.digest}; the champion was not moved."
        )
