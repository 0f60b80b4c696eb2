"""The verdict: a pure function of evidence, policy and recorded justifications."""

from collections.abc import Mapping, Sequence

from leanstage.contracts import (
    Champion,
    Decision,
    Judgement,
    JustificationUse,
    ModelPolicy,
    ModelVersion,
    Reason,
    ReasonCode,
    Role,
)
from leanstage.errors import InputError
from leanstage.gate import sentence
from leanstage.gate.evidence import Evidence, evidence_sha256, known_digest, recheck
from leanstage.gate.judge import Judged, judge, split_confidence
from leanstage.gate.justification import RecordedJustification, check
from leanstage.gate.validity import run_problems
from leanstage.gate.words import NAME, objection

OVERRULABLE: frozenset[ReasonCode] = frozenset(
    {
        "accuracy.drop",
        "accuracy.uncertain",
        "accuracy.too_few",
        "slice.harm",
        "energy.no_saving",
        "energy.inconclusive",
        "latency.slo",
        "size.limit",
        "serving.runtime",
        "champion.worse",
        "agreement.low",
    }
)
"""What a justification can answer: limits. Missing or untrustworthy evidence it cannot."""


def decide(
    evidence: Evidence,
    policy: ModelPolicy,
    justifications: Sequence[RecordedJustification] = (),
) -> Decision:
    """Rule on the evidence; whatever is not shown to be right blocks.

    The first candidate that passes is promoted, in the declared order. Where none does, or the
    baseline was asked for, the baseline is promoted on the first justification that stands; it can
    answer for limits that were missed, never for evidence that is missing or not to be trusted.

    Args:
        evidence: digests in it are recomputed from the bytes by the caller.
        policy: the limits, from where submitters cannot write.
        justifications: what MLflow holds for this model version, newest first.

    Raises:
        InputError: the policy or the model version breaks its contract, or ``now`` has no zone.
    """
    sound_policy = recheck(ModelPolicy, policy)
    if sound_policy is None:
        raise InputError("The policy breaks its contract; nothing can be decided under it.")
    try:
        ModelVersion.model_validate(evidence.source.model_dump(warnings=False))
    except ValueError as error:
        raise InputError("The model version breaks its contract; resolve it again.") from error
    if evidence.now.tzinfo is None:
        raise InputError("The time of the decision has no time zone; give it in UTC.")

    judged = judge(evidence, sound_policy)
    judgements = tuple(judgement for _, judgement in judged)
    problems = run_problems(evidence, sound_policy)
    ruling = _Ruling(evidence, sound_policy, judged)

    first = next((found for found in judged if found.judgement.passed), None)
    if first is not None and evidence.deploy == "optimized" and not problems:
        confidence = split_confidence(sound_policy.confidence, len(evidence.candidates))
        text = sentence.promote_candidate(first, sound_policy, confidence)
        return ruling.promote(first.judgement.candidate, first.judgement.digest, text)

    objections = [reason for judgement in judgements for reason in judgement.reasons]
    if problems or not all(reason.code in OVERRULABLE for reason in objections):
        return ruling.block([*problems, *objections])

    refused = []
    for recorded in justifications:
        found = check(recorded, evidence, sound_policy, judgements)
        if isinstance(found, JustificationUse):
            text = sentence.promote_baseline(found, judged, sound_policy)
            digest = known_digest(evidence.baseline.digest)
            return ruling.promote("baseline", digest, text, objections, found)
        refused.append(found)
    if not refused and _can_be_justified(evidence, objections):
        refused.append(_missing(evidence, judgements, sound_policy))
    return ruling.block([*objections, *refused])


class _Ruling:
    """Builds the decision on one piece of evidence."""

    def __init__(
        self,
        evidence: Evidence,
        policy: ModelPolicy,
        judged: Sequence[Judged],
    ) -> None:
        self._evidence = evidence
        self._policy = policy
        self._judged = judged

    def promote(
        self,
        role: Role,
        digest: str | None,
        text: str,
        reasons: Sequence[Reason] = (),
        use: JustificationUse | None = None,
    ) -> Decision:
        """Promote ``role``. A digest is there: without one the candidate has not passed."""
        verdict = "PROMOTE_BASELINE" if role == "baseline" else "PROMOTE_OPTIMIZED"
        return self._decision(
            {
                "verdict": verdict,
                "sentence": text,
                "reasons": tuple(reasons),
                "promoted": role,
                "digest": digest,
                "justification": use,
            }
        )

    def block(self, reasons: Sequence[Reason]) -> Decision:
        """Promote nothing."""
        return self._decision(
            {
                "verdict": "BLOCKED",
                "sentence": sentence.blocked(reasons, self._judged, self._policy),
                "reasons": tuple(reasons),
            }
        )

    def _decision(self, ruling: Mapping[str, object]) -> Decision:
        evidence = self._evidence
        return Decision.model_validate(
            {
                **ruling,
                "judgements": tuple(judgement for _, judgement in self._judged),
                "deploy": evidence.deploy,
                "source": evidence.source,
                "baseline_digest": known_digest(evidence.baseline.digest),
                "champion": recheck(Champion, evidence.champion),
                "policy_name": self._policy.name,
                "policy_sha256": self._policy.sha256(),
                "evidence_sha256": evidence_sha256(evidence),
                "guarantee": evidence.guarantee,
                "run_id": evidence.run_id,
                "decided": evidence.now.isoformat(timespec="seconds"),
            }
        )


def _can_be_justified(evidence: Evidence, objections: Sequence[Reason]) -> bool:
    """Whether to ask for a justification: an inconclusive measurement asks for a longer one."""
    return evidence.deploy == "baseline" or any(
        reason.code != "energy.inconclusive" for reason in objections
    )


def _missing(evidence: Evidence, judgements: Sequence[Judgement], policy: ModelPolicy) -> Reason:
    places = " or ".join(approver.experiment for approver in policy.approvers)
    passing = [judgement for judgement in judgements if judgement.passed]
    remedy = (
        f"Have an approver log a justification in {places or 'no experiment'} (`leanstage "
        "justify`), then decide again."
    )
    if passing:
        remedy += f" Or deploy {NAME[passing[0].candidate]}, which passes."
    return objection("baseline")(
        "justification.missing",
        "The unoptimized baseline needs an accepted justification, and none is logged for "
        f"{evidence.source.name} version {evidence.source.version}.",
        remedy,
    )
