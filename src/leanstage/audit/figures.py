"""The figures of one serving version, out of the decision that was signed about it."""

from typing import Any

from leanstage.audit.papers import manifest_of_candidate
from leanstage.contracts import Decision, Judgement, Technique, VariantManifest
from leanstage.errors import LeanstageError
from leanstage.gate.attestation import Verified
from leanstage.variant.digest import MANIFEST


def figures(verified: Verified, manifest: VariantManifest) -> dict[str, Any]:
    """What was signed about a version and stands in its manifest, as fields of an entry."""
    decision = verified.decision
    judged = next((j for j in decision.judgements if j.candidate == decision.promoted), None)
    measured = measured_judgement(decision)
    return {
        "decided": decision.decided,
        "verdict": decision.verdict,
        "digest": decision.digest,
        "task": manifest.task,
        "parameters": manifest.parameters,
        "bytes": manifest.bytes,
        "runtime": manifest.runtime,
        "precision": manifest.precision,
        "techniques": _techniques(decision, manifest),
        "saving": judged.saving if judged else None,
        "saving_bound": judged.saving_bound if judged else None,
        "joules_per_answer": joules_promoted(decision),
        "baseline_joules_per_answer": measured and measured.baseline_joules_per_answer,
        "tier": measured and measured.tier,
        "policy_name": decision.policy_name,
        # As this release reads it, so that a field which is new in it is no change.
        "policy_sha256": verified.policy.sha256(),
    }


def measured_judgement(decision: Decision) -> Judgement | None:
    """The judgement that tells the energy of what was promoted.

    That of a baseline stands beside the first candidate that was measured with it.
    """
    judged = (j for j in decision.judgements if j.candidate == decision.promoted)
    return next(judged, next((j for j in decision.judgements if j.tier), None))


def joules_promoted(decision: Decision) -> float | None:
    """Energy per answer of what was promoted."""
    measured = measured_judgement(decision)
    if measured is None:
        return None
    if decision.promoted == "baseline":
        return measured.baseline_joules_per_answer
    return measured.joules_per_answer


def _techniques(decision: Decision, manifest: VariantManifest) -> tuple[Technique, ...]:
    """What was evaluated: of a baseline, on the candidate that it was chosen over."""
    if decision.promoted != "baseline":
        return _lineage(manifest)
    judged = next((j for j in decision.judgements if j.candidate == "optimized"), None)
    if judged is None:
        return ()
    try:
        data = manifest_of_candidate(decision.run_id, "optimized")
        candidate = VariantManifest.parse(data.decode(), where=MANIFEST)
    except (LeanstageError, UnicodeDecodeError):
        # Candidates are collected in time; then nothing is claimed.
        return ()
    return _lineage(candidate) if candidate.digest == judged.digest else ()


def _lineage(manifest: VariantManifest) -> tuple[Technique, ...]:
    return tuple(dict.fromkeys(step.technique for step in manifest.lineage))
