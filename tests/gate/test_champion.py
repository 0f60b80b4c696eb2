"""Beside the champion: no worse than what serves now, as the registry holds it now."""

from dataclasses import replace
from typing import Any

import pytest

from leanstage.contracts import Judgement, ModelPolicy
from leanstage.gate import decide, judge
from leanstage.variant.statistics import rows_needed, tango_upper_drop

OTHER = "9" * 64


def evidence_of(genuine: Any, *, champion: str | None = "c" * 64, **figures: int | None) -> Any:
    candidate = genuine.candidate(evaluation=genuine.evaluation(**figures))
    serving = None if champion is None else genuine.champion(champion)
    return genuine.evidence(candidate, champion=serving)


def look(evidence: Any, policy: ModelPolicy | None = None) -> Judgement:
    return judge(evidence, policy or ModelPolicy())[0].judgement


def codes(judgement: Judgement) -> list[str]:
    return [reason.code for reason in judgement.reasons]


def test_a_candidate_within_the_margin_passes(genuine: Any) -> None:
    evidence = evidence_of(genuine, better=10)
    judgement = look(evidence)
    assert judgement.passed
    counts = evidence.candidates[0].evaluation.champion.counts
    assert judgement.champion_drop == pytest.approx(14 / 2000) == counts.drop
    assert judgement.champion_drop_bound == tango_upper_drop(counts, 0.95)
    decision = decide(evidence, ModelPolicy())
    assert decision.champion == genuine.champion()
    assert "champion" not in decision.sentence


def test_small_losses_do_not_add_up(genuine: Any) -> None:
    evidence = evidence_of(genuine, better=40)
    judgement = look(evidence)
    assert codes(judgement) == ["champion.worse"]
    counts = evidence.candidates[0].evaluation.champion.counts
    (reason,) = judgement.reasons
    for figure in ("2.2 points", "version 2", "2,000 rows", "95%", "accepts 2 points"):
        assert figure in reason.sentence
    assert rows_needed(counts, 0.02, 0.95) is None
    assert "would not help" in reason.next
    decision = decide(evidence, ModelPolicy())
    assert decision.verdict == "BLOCKED"
    assert "is 2.2 points below the champion" in decision.sentence


def test_the_bound_counts_and_rows_are_advised(genuine: Any) -> None:
    evidence = evidence_of(genuine, better=28)
    judgement = look(evidence)
    assert codes(judgement) == ["champion.worse"]
    needed = rows_needed(evidence.candidates[0].evaluation.champion.counts, 0.02, 0.95)
    assert judgement.reasons[0].next == f"Evaluate on at least {needed:,} rows."


def test_a_bound_beyond_the_margin_is_put_rightly_where_the_candidate_gains(genuine: Any) -> None:
    evidence = evidence_of(genuine, n=300, wrong=30, lost=15, gained=15, better=0, worse=1)
    (sentence,) = (r.sentence for r in look(evidence).reasons if r.code == "champion.worse")
    assert "gains 0.33 points of accuracy against the champion" in sentence


def test_the_policy_may_leave_the_champion_out(genuine: Any) -> None:
    policy = ModelPolicy(vs_champion=False)
    judgement = look(evidence_of(genuine, better=40), policy)
    assert judgement.passed
    assert judgement.champion_drop == pytest.approx(0.022)
    for evidence in (evidence_of(genuine), evidence_of(genuine, better=40, champion=OTHER)):
        assert look(evidence, policy).passed


def test_without_a_champion_there_is_nothing_to_hold_against(genuine: Any) -> None:
    judgement = look(evidence_of(genuine, better=40, champion=None))
    assert judgement.passed
    assert judgement.champion_drop is None


def test_the_champion_must_have_answered(genuine: Any) -> None:
    judgement = look(evidence_of(genuine))
    assert codes(judgement) == ["evidence.missing"]
    assert "with the champion" in judgement.reasons[0].next


def test_a_promotion_since_asks_for_another_evaluation(genuine: Any) -> None:
    judgement = look(evidence_of(genuine, better=0, champion=OTHER))
    assert codes(judgement) == ["digest.mismatch"]
    assert judgement.champion_drop is None
    assert "promoted since" in judgement.reasons[0].next


def test_the_champion_itself_is_held_against_nothing(genuine: Any) -> None:
    for figures in ({}, {"better": 0}):
        assert look(evidence_of(genuine, champion="1" * 64, **figures)).passed


def test_figures_of_the_champion_follow_from_its_answers(genuine: Any, spoiled: Any) -> None:
    evidence = evidence_of(genuine, better=10)
    candidate = evidence.candidates[0]
    for path, value in (
        (("champion", "accuracy"), 0.9),
        (("champion", "counts", "baseline_only"), 0),
        (("champion",), None),
    ):
        evaluation = spoiled.put(candidate.evaluation, path, value)
        spoilt = replace(evidence, candidates=(replace(candidate, evaluation=evaluation),))
        assert "evidence.anomalous" in codes(look(spoilt))
    answers = candidate.predictions
    for predictions in (
        replace(answers, champion=None),
        replace(answers, champion=answers.champion[:-1]),
        replace(answers, champion=answers.candidate, candidate=answers.champion),
    ):
        spoilt = replace(evidence, candidates=(replace(candidate, predictions=predictions),))
        assert "evidence.anomalous" in codes(look(spoilt))


def test_candidates_of_one_run_stand_beside_one_champion(genuine: Any) -> None:
    both = [
        genuine.candidate(role, evaluation=genuine.evaluation(role, better=better))
        for role, better in (("optimized", 5), ("fallback", 8))
    ]
    for judged in judge(genuine.evidence(*both, champion=genuine.champion()), ModelPolicy()):
        assert "The champion answers 0.15% of the rows" in judged.judgement.reasons[0].sentence


def test_what_the_registry_holds_must_be_a_champion(genuine: Any, spoiled: Any) -> None:
    sound = evidence_of(genuine, better=10)
    for broken in (spoiled.put(genuine.champion(), ("digest",), "none"), "version 2"):
        decision = decide(replace(sound, champion=broken), ModelPolicy())
        assert decision.verdict == "BLOCKED"
        assert decision.champion is None
        assert "evidence.anomalous" in {reason.code for reason in decision.reasons}


def test_a_worse_champion_can_be_justified(genuine: Any) -> None:
    evidence = evidence_of(genuine, better=40)
    decision = decide(evidence, ModelPolicy(), [genuine.justified(evidence)])
    assert decision.verdict == "PROMOTE_BASELINE"
    assert "below the champion" in decision.sentence
