"""Is the artifact valid? Bytes, manifests and evidence have to speak of the same models."""

from collections import Counter
from fnmatch import fnmatchcase

from leanstage.contracts import Champion, ModelPolicy, Reason, VariantManifest
from leanstage.gate.evidence import ORDER, Baseline, Candidate, Evidence, known_digest, recheck
from leanstage.gate.words import NAME, objection, short


def run_problems(evidence: Evidence, policy: ModelPolicy) -> list[Reason]:
    """Objections that stop the whole decision: no justification can answer them."""
    reason = objection("baseline")
    reasons = baseline_problems(evidence.baseline)
    if not any(fnmatchcase(evidence.source.name, glob) for glob in policy.models):
        reasons.append(
            reason(
                "policy.untrusted",
                f"The policy {policy.name} does not cover the model {evidence.source.name}.",
                "Decide under the policy that covers this model.",
            )
        )
    if evidence.untrusted is not None:
        remedy = "Run again under the policy that holds for this model."
        reasons.append(reason("policy.untrusted", evidence.untrusted, remedy))
    if not evidence.candidates:
        reasons.append(
            reason(
                "evidence.missing",
                "There is no candidate to judge.",
                "Run the optimization, then decide again.",
            )
        )
    if evidence.champion is not None and recheck(Champion, evidence.champion) is None:
        reasons.append(
            reason(
                "evidence.anomalous",
                "What the registry holds as the champion is no model version with its digest.",
                "Look at the champion in the registry, then decide again.",
            )
        )
    roles = Counter(str(candidate.role) for candidate in evidence.candidates)
    if any(role not in ORDER or times > 1 for role, times in roles.items()):
        found = ", ".join(str(candidate.role) for candidate in evidence.candidates)
        reasons.append(
            reason(
                "evidence.anomalous",
                f"The candidates are {found}; each of {' and '.join(ORDER)} may stand once.",
                "Hand in every candidate once, under its own role.",
            )
        )
    return reasons


def baseline_problems(baseline: Baseline) -> list[Reason]:
    """Objections to the baseline itself."""
    reason = objection("baseline")
    again = "Resolve the model version again, then decide again."
    digest = known_digest(baseline.digest)
    reasons = []
    if digest is None:
        text = "The digest of the baseline was not computed from its bytes."
        reasons.append(reason("evidence.missing", text, again))
    if baseline.manifest is None:
        reasons.append(reason("evidence.missing", "The baseline has no manifest.", again))
        return reasons
    manifest = recheck(VariantManifest, baseline.manifest)
    if manifest is None:
        text = "The manifest of the baseline breaks its contract."
        reasons.append(reason("evidence.anomalous", text, again))
    elif manifest.digest is None or (digest is not None and manifest.digest != digest):
        text = (
            f"The manifest of the baseline states the digest {short(manifest.digest)}, its bytes "
            f"give {short(digest)}."
        )
        reasons.append(reason("digest.mismatch", text, again))
    return reasons


def artifact_problems(candidate: Candidate, baseline: Baseline) -> list[Reason]:
    """Objections to the bytes of a candidate and to what its evidence claims to speak of.

    Args:
        candidate: with its documents validated again; None is reported elsewhere.
        baseline: what it is compared with, as handed in.
    """
    reason = objection(candidate.role)
    name = NAME[candidate.role]
    again = "Produce the candidate again from this baseline, then decide again."
    reasons = []
    unoptimized = recheck(VariantManifest, baseline.manifest)
    if unoptimized is None or baseline_problems(baseline):
        text = f"{name} has no sound baseline to be compared with."
        reasons.append(reason("evidence.missing", text, again))
    manifest = candidate.manifest
    if manifest is not None and (manifest.digest is None or manifest.digest != candidate.digest):
        text = (
            f"The manifest of {name} states the digest {short(manifest.digest)}, its bytes give "
            f"{short(candidate.digest)}."
        )
        reasons.append(reason("digest.mismatch", text, again))
    if candidate.digest is not None and candidate.digest == baseline.digest:
        text = f"{name} is the baseline, byte for byte."
        reasons.append(reason("evidence.anomalous", text, again))
    if manifest is not None and unoptimized is not None:
        if manifest.parameters > unoptimized.parameters:
            text = (
                f"{name} has {manifest.parameters:,} parameters, more than the "
                f"{unoptimized.parameters:,} of the baseline."
            )
            reasons.append(reason("evidence.anomalous", text, again))
        if (manifest.task, manifest.labels) != (unoptimized.task, unoptimized.labels):
            text = f"{name} answers with other labels than the baseline, or in another order."
            reasons.append(reason("evidence.anomalous", text, again))
    for document, what in ((candidate.evaluation, "evaluation"), (candidate.energy, "measurement")):
        if document is None:
            continue
        spoken = (document.baseline_digest, document.candidate_digest)
        if spoken != (baseline.digest, candidate.digest):
            text = (
                f"The {what} of {name} speaks of {short(spoken[0])} and {short(spoken[1])}, the "
                f"bytes are {short(known_digest(baseline.digest))} and {short(candidate.digest)}."
            )
            remedy = "Evaluate and measure exactly these two models, then decide again."
            reasons.append(reason("digest.mismatch", text, remedy))
    return reasons
