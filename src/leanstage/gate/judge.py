"""The gate's look at the candidates: valid, trustworthy, within policy."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from leanstage.contracts import Judgement, ModelPolicy, Reason
from leanstage.gate.evidence import Candidate, Evidence, in_order, sound_candidate
from leanstage.gate.limits import limit_problems, reference_ratio
from leanstage.gate.measurement import energy_problems
from leanstage.gate.trust import evaluation_problems, peer_problems
from leanstage.gate.validity import artifact_problems
from leanstage.gate.words import NAME, objection
from leanstage.variant.statistics import rows_needed, tango_upper_drop

_MOST_ROWS = 2**53
"""Above this a count is no longer exact as a float."""


class Judged(NamedTuple):
    """A candidate, its documents validated again or None, and what the gate found."""

    candidate: Candidate
    judgement: Judgement


def split_confidence(confidence: float, candidates: int) -> float:
    """One-sided confidence for each of several candidates (Bonferroni).

    The chance that any of them passes although its true drop is at the margin stays within
    1 - ``confidence``.
    """
    return 1.0 - (1.0 - confidence) / max(1, candidates)


def judge(evidence: Evidence, policy: ModelPolicy) -> tuple[Judged, ...]:
    """Judge the candidates in the declared order: each alone and beside the others.

    Every reason is collected; a candidate without any has passed. The error level of the policy is
    divided among all candidates handed in, also those without evidence.

    Args:
        evidence: nothing in it is believed before it is checked.
        policy: valid, as :func:`leanstage.gate.decide` makes sure.
    """
    confidence = split_confidence(policy.confidence, len(evidence.candidates))
    checked = [sound_candidate(candidate) for candidate in in_order(evidence.candidates)]
    judged = []
    for position, (sound, reasons) in enumerate(checked):
        peers = [peer for other, (peer, _) in enumerate(checked) if other != position]
        found = [*reasons, *_objections(sound, peers, evidence, policy, confidence)]
        judged.append(Judged(sound, _judgement(sound, found, policy, confidence)))
    return tuple(judged)


def _objections(
    sound: Candidate,
    peers: Sequence[Candidate],
    evidence: Evidence,
    policy: ModelPolicy,
    confidence: float,
) -> list[Reason]:
    questions: tuple[Callable[[], list[Reason]], ...] = (
        lambda: artifact_problems(sound, evidence.baseline),
        lambda: evaluation_problems(sound, policy),
        lambda: peer_problems(sound, peers),
        lambda: energy_problems(sound, policy),
        lambda: limit_problems(sound, policy, confidence),
    )
    reasons = []
    for question in questions:
        try:
            reasons += question()
        except (ArithmeticError, ValueError) as error:
            # Figures that no computation survives, such as counts beyond the range of floats.
            text = f"The figures of {NAME[sound.role]} cannot be computed with: {error}."
            remedy = "Evaluate and measure again, then decide again."
            reasons.append(objection(sound.role)("evidence.anomalous", text, remedy))
    return reasons


def _judgement(
    sound: Candidate, reasons: Sequence[Reason], policy: ModelPolicy, confidence: float
) -> Judgement:
    figures: dict[str, float | int | None] = {}
    if sound.energy is not None:
        ratio = reference_ratio(sound.energy, policy)
        figures |= {
            "saving": 1.0 - ratio.ratio,
            "saving_bound": 1.0 - ratio.ci95[1],
            "saving_required": policy.required_saving(sound.energy.meter.tier),
        }
    counts = sound.evaluation.counts if sound.evaluation is not None else None
    if counts is not None and 0 < counts.n < _MOST_ROWS:
        figures |= {
            "drop": counts.drop,
            "drop_bound": tango_upper_drop(counts, confidence),
            "rows_needed": rows_needed(counts, policy.margin, confidence),
        }
    return Judgement.model_validate(
        {
            "candidate": sound.role,
            "digest": sound.digest,
            "passed": not reasons,
            "reasons": tuple(reasons),
            **figures,
        }
    )
