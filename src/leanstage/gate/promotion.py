"""Promotion: exactly the signed bytes, stored where only the gate writes, aliased last."""

import shutil
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from leanstage import progress
from leanstage.contracts import Decision, ModelVersion, Role
from leanstage.contracts.attestation import Statement
from leanstage.errors import BlockedError, LeanstageError
from leanstage.gate import attestation
from leanstage.gate.approvals import require_not_taken_back
from leanstage.gate.ownership import require_own
from leanstage.gate.record import kept_card, kept_envelope
from leanstage.registry import champions, runs
from leanstage.registry.champions import DECISION, Entry
from leanstage.registry.client import CHAMPION
from leanstage.registry.versions import DIGEST_TAG, create_version, download, store, stored
from leanstage.variant import Variant, fresh_folder, open_variant
from leanstage.variant.digest import CARD, regular_files
from leanstage.variant.folder import link_or_copy

DESCRIPTION_LIMIT = 5000
"""Characters that MLflow's databases keep of the description of a version."""


def promote(decision: Decision, *, variants: Mapping[Role, Path], target: Path) -> ModelVersion:
    """Make the decided variant the champion; returns its registered version.

    Nothing handed in is trusted: the decision must be the one that the gate signed and kept in
    MLflow, the bytes must hash to its digest, and what was stored is read back and verified before
    it counts. A failure at any point leaves the old champion serving; running again finishes what
    was begun, or marks it as abandoned.

    Raises:
        BlockedError: the decision is BLOCKED.
        ChampionError: another promotion runs, or changed the champion since the decision.
        LeanstageError: decision, signature, bytes or what was stored do not agree; or the
            justification was taken back since.
    """
    envelope = kept_envelope(decision.run_id)
    statement = attestation.open_envelope(envelope, attestation.trusted_keys())
    if statement.predicate.decision != decision:
        raise LeanstageError(
            "the decision handed to promote differs from the one that was signed and kept in "
            f"MLflow run {decision.run_id}; nothing was promoted: decide again."
        )
    if decision.promoted is None or decision.digest is None:
        runs.end_run(decision.run_id, "FINISHED")
        raise BlockedError(f"nothing was promoted: {decision.sentence}")
    if decision.justification is not None:
        require_not_taken_back(decision.justification)
    card = _card(statement)
    with fresh_folder(target) as draft:
        # A card or an attestation that lies there is of another decision, or of nobody.
        for relative, path in regular_files(variants[decision.promoted]):
            link_or_copy(path, draft / relative)
        if card is not None:
            (draft / CARD).write_bytes(card)
    attestation.lay(target, envelope)
    try:
        _verify(target)
        version = _crowned(statement, open_variant(target), _opening(card))
    except BaseException:
        shutil.rmtree(target)
        raise
    reference = f"models:/{version.name}/{version.version}"
    runs.set_tags(decision.run_id, {"leanstage.promoted": reference})
    runs.end_run(decision.run_id, "FINISHED")
    progress.output("promoted", target)
    progress.output("promoted_version", version.version)
    return version


def _card(statement: Statement) -> bytes | None:
    """The model card that was signed with the decision; None where none was."""
    signed = any(entry.path == CARD for entry in statement.predicate.files)
    return kept_card(statement.predicate.decision.run_id) if signed else None


def _opening(card: bytes | None) -> str:
    """What stands before the first section of a card, without its metadata."""
    body = (card or b"").decode(errors="replace").partition("\n---\n")[2]
    return body.partition("\n## ")[0].strip()[:DESCRIPTION_LIMIT]


def _crowned(statement: Statement, variant: Variant, description: str) -> ModelVersion:
    """Store, claim, read back, commit, point the alias: in this order."""
    decision, policy = statement.predicate.decision, statement.predicate.policy
    name = policy.promoted_to(decision.source.name)
    require_own(policy, decision.source.name)
    signed = decision.sha256()
    begun = _begun(name, signed)
    if begun is not None and begun.state == "promoted":
        return _pointed(name, begun.version)
    expected = decision.champion.version if decision.champion else None
    champions.require_free(name, expected, mine=begun.version if begun else None)
    if begun is None:
        progress.step("storing the promoted variant")
        tags = {
            "leanstage.role": str(decision.promoted),
            "leanstage.verdict": decision.verdict,
            "leanstage.source": f"{decision.source.name}/{decision.source.version}",
            **champions.claim_tags(signed, expected),
        }
        key = {DIGEST_TAG: variant.digest, DECISION: signed}
        experiment = policy.promoted_experiment
        model_id = stored(experiment, key) or store(
            variant, experiment=experiment, run_id=decision.run_id, tags=key
        )
        version = create_version(
            name,
            model_id,
            digest=variant.digest,
            run_id=decision.run_id,
            tags=tags,
            description=description,
        )
    else:
        progress.step(f"taking up version {begun.version.version}, which was left unfinished")
        version = begun.version
        champions.take_over(version)
    try:
        champions.require_free(name, expected, mine=version)
        _require_stored(version, variant)
    except LeanstageError:
        champions.set_state(version, "abandoned")
        raise
    champions.set_state(version, "promoted")
    return _pointed(name, version)


def _begun(name: str, signed: str) -> Entry | None:
    """The version that an earlier run of this very decision created, unless it still runs."""
    for entry in champions.history(name):
        if entry.tags.get(DECISION) != signed or entry.state == "abandoned":
            continue
        if not champions.is_live(entry):
            return entry
    return None


def _pointed(name: str, version: ModelVersion) -> ModelVersion:
    progress.step(f"pointing {CHAMPION} of {name} at version {version.version}")
    now = champions.settle(name)
    if now != version:
        raise champions.ChampionError(
            f"version {version.version} of {name} was promoted, and version {now.version} after "
            "it; the later one serves."
        )
    return version


def _require_stored(version: ModelVersion, variant: Variant) -> None:
    with tempfile.TemporaryDirectory(prefix="leanstage-stored-") as scratch:
        found = _verify(download(version, Path(scratch)))
    if found.digest != variant.digest:
        raise LeanstageError(
            f"version {version.version} of {version.name} reads back with digest {found.digest} "
            f"instead of {variant.digest}; the champion was not moved."
        )


def _verify(folder: Path) -> attestation.Verified:
    return attestation.verify(folder, attestation.trusted_keys(), datetime.now(UTC))
