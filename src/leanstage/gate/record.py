"""Decisions in MLflow: signed, kept for good, and what was judged on held to the signature."""

import tempfile
from pathlib import Path

from leanstage.contracts import Decision, ModelPolicy
from leanstage.contracts.attestation import Statement
from leanstage.errors import LeanstageError
from leanstage.gate import attestation
from leanstage.gate.dossier import Dossier
from leanstage.gate.keeping import DECISION, MODEL_CARD
from leanstage.registry import runs
from leanstage.registry.client import RegistryError

HISTORY = "decisions"


def keep_decision(
    decision: Decision, policy: ModelPolicy, promoted: Path | None, card: str | None = None
) -> None:
    """Sign a decision and keep it as the current one, and once more under its time.

    Args:
        policy: under which it was made.
        promoted: folder of the variant that it promotes; None where it is BLOCKED.
        card: model card of that variant, in Markdown; signed and kept with the decision.
    """
    written = None if card is None else card.encode()
    envelope = attestation.sign(decision, policy, promoted, written)
    stamp = decision.decided.replace(":", "").replace("+0000", "Z")
    with tempfile.TemporaryDirectory(prefix="leanstage-decision-") as scratch:
        folder = Path(scratch)
        if written is not None:
            for kept, place in ((folder / MODEL_CARD, None), (folder / f"{stamp}.md", HISTORY)):
                kept.write_bytes(written)
                runs.log_file(decision.run_id, kept, place)
        signed = folder / attestation.ENVELOPE
        signed.write_bytes(envelope)
        runs.log_file(decision.run_id, signed, attestation.FOLDER)
        dated = folder / f"{stamp}.dsse.json"
        dated.write_bytes(envelope)
        runs.log_file(decision.run_id, dated, HISTORY)
        runs.log_file(decision.run_id, decision.save(folder / f"{stamp}.json"), HISTORY)
        runs.log_file(decision.run_id, decision.save(folder / DECISION))
    codes = ",".join(sorted({reason.code for reason in decision.reasons}))
    runs.set_tags(
        decision.run_id,
        {"leanstage.verdict": decision.verdict, "leanstage.reasons": codes or "none"},
    )
    runs.log_metrics(
        decision.run_id,
        {
            f"{judgement.candidate}.{name}": value
            for judgement in decision.judgements
            for name, value in (
                ("accuracy_drop", judgement.drop),
                ("energy_saving", judgement.saving),
            )
            if value is not None
        },
    )


def kept_envelope(run_id: str) -> bytes:
    """The signed decision that is kept with a run.

    Raises:
        LeanstageError: there is none.
    """
    name = f"{attestation.FOLDER}/{attestation.ENVELOPE}"
    return _kept(run_id, name, "no signed decision; run the pipeline again")


def kept_card(run_id: str) -> bytes:
    """The model card that is kept with a run.

    Raises:
        LeanstageError: there is none.
    """
    return _kept(run_id, MODEL_CARD, f"no {MODEL_CARD} although one was signed; decide again")


def signed_statement(run_id: str) -> Statement:
    """What the gate signed for a run, its signature verified.

    Raises:
        LeanstageError: nothing was signed, or not with a key to trust.
    """
    return attestation.open_envelope(kept_envelope(run_id), attestation.trusted_keys())


def require_signed(dossier: Dossier) -> None:
    """Make sure that recalled evidence is what the gate judged and signed before.

    Raises:
        LeanstageError: no decision was signed, its key is not trusted any more, or evidence,
            model, policy or request differ from what it speaks of.
    """
    context = dossier.context()
    decision = signed_statement(context.run_id).predicate.decision
    changed = [
        name
        for name, now, then in (
            ("the evidence", dossier.evidence_sha256(), decision.evidence_sha256),
            ("the run", context.run_id, decision.run_id),
            ("the model version", context.source, decision.source),
            ("the baseline", context.baseline_digest, decision.baseline_digest),
            ("the policy", context.policy.sha256(), decision.policy_sha256),
            ("what was asked for", context.deploy, decision.deploy),
        )
        if now != then
    ]
    if changed:
        raise LeanstageError(
            f"{changed[0]} in MLflow run {context.run_id} is not what the gate signed "
            "(evidence.anomalous); run the pipeline again."
        )


def _kept(run_id: str, name: str, otherwise: str) -> bytes:
    """A file that a run keeps; ``otherwise`` ends the sentence where there is none."""
    with tempfile.TemporaryDirectory(prefix="leanstage-kept-") as scratch:
        try:
            return runs.fetch_artifact(run_id, name, Path(scratch)).read_bytes()
        except (RegistryError, OSError) as error:
            if isinstance(error, RegistryError) and not error.missing:
                raise
            raise LeanstageError(f"MLflow run {run_id} holds {otherwise}.") from error
