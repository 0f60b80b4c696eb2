"""The gate's look at the candidates: valid, trustworthy, within policy."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from leanstage.contracts import AccuracyTest, Champion, Judgement, ModelPolicy, Reason
from leanstage.gate.accuracy import (
    Loss,
    accuracy_loss,
    accuracy_problems,
    few_rows,
    metric_loss,
)
from leanstage.gate.answers import count_again
from leanstage.gate.champion import champion_problems
from leanstage.gate.evidence import ORDER, Candidate, Evidence, in_order, recheck, sound_candidate
from leanstage.gate.limits import limit_problems, reference_ratio
from leanstage.gate.measurement import energy_problems
from leanstage.gate.nodes import node_problems
from leanstage.gate.production import agreement_of, production_problems
from leanstage.gate.slices import judge_slices, slice_problems
from leanstage.gate.trust import evaluation_problems, peer_problems
from leanstage.gate.validity import artifact_problems
from leanstage.gate.words import NAME, objection
from leanstage.tasks import Comparison


class Judged(NamedTuple):
    """A candidate, its documents validated again or None, and what the gate found."""

    candidate: Candidate
    judgement: Judgement


class _Case(NamedTuple):
    """One candidate before its judgement: what its answers give, and the objections so far."""

    candidate: Candidate
    counted: Comparison | None
    reasons: list[Reason]


def split_confidence(confidence: float, candidates: int) -> float:
    """One-sided confidence for each of several candidates (Bonferroni).

    The chance that any of them passes although its true drop is at the margin stays within
    1 - ``confidence``.
    """
    return 1.0 - (1.0 - confidence) / max(1, candidates)


def accuracy_test(policy: ModelPolicy, rows: int) -> AccuracyTest:
    """What the candidates of a run have to pass on so many evaluation rows."""
    return AccuracyTest(
        rows=rows,
        margin=policy.margin,
        confidence=split_confidence(policy.confidence, len(ORDER)),
    )


def judge(evidence: Evidence, policy: ModelPolicy) -> tuple[Judged, ...]:
    """Judge the candidates in the declared order: each alone and beside the others.

    Every reason is collected; a candidate without any has passed. The error level of the policy is
    divided among all candidates handed in, also those without evidence. What is held against the
    limits of accuracy is counted in the answers, never taken from what an evaluation states.

    Args:
        evidence: nothing in it is believed before it is checked.
        policy: valid, as :func:`leanstage.gate.decide` makes sure.
    """
    confidence = split_confidence(policy.confidence, len(evidence.candidates))
    cases = [_open(candidate, policy) for candidate in in_order(evidence.candidates)]
    judged = []
    for case in cases:
        peers = [other.candidate for other in cases if other is not case]
        judged.append(Judged(case.candidate, _close(case, peers, evidence, policy, confidence)))
    return tuple(judged)


def _open(candidate: Candidate, policy: ModelPolicy) -> _Case:
    """Check documents and answers; what cannot be computed with is left out from here on."""
    sound, reasons = sound_candidate(candidate)
    counted, objections = count_again(sound, policy)
    if counted is None:
        sound = replace(sound, predictions=None)
    return _Case(sound, counted, [*reasons, *objections])


def _close(
    case: _Case,
    peers: Sequence[Candidate],
    evidence: Evidence,
    policy: ModelPolicy,
    confidence: float,
) -> Judgement:
    sound, counted, champion = case.candidate, case.counted, recheck(Champion, evidence.champion)
    loss = None if counted is None else metric_loss(counted, policy, confidence)
    beside = None if counted is None else _beside(counted, champion, policy, confidence)
    slices = () if counted is None else judge_slices(counted.slices, policy)
    questions: tuple[Callable[[], list[Reason]], ...] = (
        lambda: artifact_problems(sound, evidence.baseline),
        lambda: evaluation_problems(sound, policy),
        lambda: peer_problems(sound, peers),
        lambda: production_problems(sound, peers, policy, confidence),
        lambda: energy_problems(sound, policy),
        lambda: node_problems(sound, evidence.hardware),
        lambda: _metric_problems(sound, counted, loss, policy, confidence),
        lambda: slice_problems(sound.role, slices, policy),
        lambda: limit_problems(sound, policy),
        lambda: champion_problems(sound, champion, beside, policy, confidence),
    )
    reasons = list(case.reasons)
    for question in questions:
        try:
            reasons += question()
        except (ArithmeticError, ValueError) as error:
            # Figures that no computation survives, such as windows beyond the range of floats.
            text = f"The figures of {NAME[sound.role]} cannot be computed with: {error}."
            remedy = "Evaluate and measure again, then decide again."
            reasons.append(objection(sound.role)("evidence.anomalous", text, remedy))
    figures = {"slices": slices, **_of_energy(sound, policy)}
    if loss is not None and counted is not None:
        figures |= {
            "drop": loss.drop,
            "drop_bound": loss.bound,
            "rows_needed": loss.rows_needed,
            "mcnemar_p": counted.mcnemar_p,
        }
    if (agreement := agreement_of(sound, confidence)) is not None:
        figures |= {
            "agreement": agreement.same / agreement.n,
            "agreement_bound": agreement.bound,
        }
    if beside is not None:
        figures |= {"champion_drop": beside.drop, "champion_drop_bound": beside.bound}
    return Judgement.model_validate(
        {
            "candidate": sound.role,
            "digest": sound.digest,
            "passed": not reasons,
            "reasons": tuple(reasons),
            **figures,
        }
    )


def _metric_problems(
    sound: Candidate,
    counted: Comparison | None,
    loss: Loss | None,
    policy: ModelPolicy,
    confidence: float,
) -> list[Reason]:
    if counted is None:
        return []
    return [
        *accuracy_problems(sound.role, counted, loss, policy, confidence),
        *few_rows(sound.role, counted, policy),
    ]


def _beside(
    counted: Comparison, champion: Champion | None, policy: ModelPolicy, confidence: float
) -> Loss | None:
    """The loss against the champion of the registry; None where another one answered, or none."""
    if champion is None or counted.champion is None or counted.champion.digest != champion.digest:
        return None
    return accuracy_loss(counted.champion.counts, policy.margin, confidence)


def _of_energy(sound: Candidate, policy: ModelPolicy) -> dict[str, Any]:
    if sound.energy is None:
        return {}
    ratio = reference_ratio(sound.energy, policy)
    joules = {arm.name: arm.joules_per_answer for arm in sound.energy.arms}
    return {
        "saving": 1.0 - ratio.ratio,
        "saving_bound": 1.0 - ratio.ci95[1],
        "saving_required": policy.required_saving(sound.energy.meter.tier),
        "joules_per_answer": joules.get(sound.energy.registered.arm),
        "baseline_joules_per_answer": joules.get(sound.energy.registered.against),
        "tier": sound.energy.meter.tier,
    }
