"""Which candidate ships, and what the decision says."""

import math
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from leanstage.contracts import EnergyComparison, ModelPolicy
from leanstage.errors import InputError
from leanstage.gate import decide, evidence_sha256, judge, split_confidence
from leanstage.variant.statistics import tango_upper_drop


def test_genuine_evidence_promotes_the_optimized_candidate(genuine: Any) -> None:
    evidence = genuine.evidence()
    decision = decide(evidence, genuine.policy)
    assert (decision.verdict, decision.promoted) == ("PROMOTE_OPTIMIZED", "optimized")
    assert decision.digest == evidence.candidates[0].digest
    assert decision.reasons == ()
    assert all(judgement.passed for judgement in decision.judgements)
    assert decision.evidence_sha256 == evidence_sha256(evidence)
    assert decision.policy_sha256 == genuine.policy.sha256()
    assert decision.decided == "2026-11-23T12:00:00+00:00"
    for figure in ("0.2 points", "2,000", "97.5%", "70%", "measured", "20% required"):
        assert figure in decision.sentence


def test_the_fallback_ships_where_the_optimized_candidate_fails(genuine: Any) -> None:
    evidence = genuine.evidence(genuine.lossy("optimized"), genuine.candidate("fallback"))
    decision = decide(evidence, genuine.policy)
    assert (decision.verdict, decision.promoted) == ("PROMOTE_OPTIMIZED", "fallback")
    assert decision.digest == evidence.candidates[1].digest
    assert [judgement.passed for judgement in decision.judgements] == [False, True]


def test_candidates_are_judged_in_the_declared_order(genuine: Any) -> None:
    evidence = genuine.evidence(genuine.candidate("fallback"), genuine.candidate("optimized"))
    decision = decide(evidence, genuine.policy)
    assert decision.promoted == "optimized"
    assert [judgement.candidate for judgement in decision.judgements] == ["optimized", "fallback"]


def test_the_error_level_is_divided_among_the_candidates(genuine: Any) -> None:
    assert split_confidence(0.95, 1) == 0.95
    assert split_confidence(0.95, 2) == pytest.approx(0.975)
    counts = genuine.evaluation().counts
    (alone,) = judge(genuine.evidence(genuine.candidate()), genuine.policy)
    assert alone.judgement.drop_bound == tango_upper_drop(counts, 0.95)
    beside, _ = judge(genuine.evidence(), genuine.policy)
    assert beside.judgement.drop_bound == tango_upper_drop(counts, split_confidence(0.95, 2))


def test_a_candidate_without_evidence_still_takes_its_share_of_the_error(genuine: Any) -> None:
    missing = genuine.candidate("fallback", evaluation=None, energy=None)
    decision = decide(genuine.evidence(genuine.candidate(), missing), genuine.policy)
    assert decision.promoted == "optimized"
    assert "97.5%" in decision.sentence


def test_all_reasons_are_collected(genuine: Any) -> None:
    policy = ModelPolicy(max_latency_p95_ms=1.0, max_bytes=10)
    candidate = genuine.candidate(
        evaluation=genuine.evaluation(lost=20, gained=0, n=200),
        energy=genuine.energy(ratio=0.95),
    )
    decision = decide(genuine.evidence(candidate), policy)
    assert [reason.code for reason in decision.reasons] == [
        "accuracy.too_few",
        "accuracy.drop",
        "accuracy.uncertain",
        "slice.harm",
        "energy.no_saving",
        "latency.slo",
        "size.limit",
        "justification.missing",
    ]
    assert "\n" not in decision.sentence
    assert decision.sentence.endswith(".")
    assert "10 points of accuracy on 200 evaluation rows" in decision.sentence


def test_a_requested_baseline_needs_a_justification_even_if_a_candidate_passes(
    genuine: Any,
) -> None:
    decision = decide(genuine.evidence(deploy="baseline"), genuine.policy)
    assert decision.verdict == "BLOCKED"
    assert [reason.code for reason in decision.reasons] == ["justification.missing"]
    assert "the optimized candidate, which passes" in decision.reasons[0].next


def test_the_baseline_ships_on_an_accepted_justification(genuine: Any) -> None:
    evidence = genuine.evidence(genuine.lossy("optimized"), genuine.lossy("fallback"))
    decision = decide(evidence, genuine.policy, [genuine.justified(evidence)])
    assert (decision.verdict, decision.promoted) == ("PROMOTE_BASELINE", "baseline")
    assert decision.digest == evidence.baseline.digest
    assert decision.justification is not None
    assert decision.justification.run_id == "approval-1"
    assert {reason.code for reason in decision.reasons} == {"accuracy.drop", "accuracy.uncertain"}
    assert "A. Approver" in decision.sentence


def test_a_justification_does_not_keep_a_good_candidate_back(genuine: Any) -> None:
    evidence = genuine.evidence()
    decision = decide(evidence, genuine.policy, [genuine.justified(evidence, grounds="runtime")])
    assert decision.promoted == "optimized"
    assert decision.justification is None


def test_the_first_justification_that_stands_is_used(genuine: Any) -> None:
    evidence = genuine.evidence(genuine.lossy("optimized"))
    old = genuine.justified(evidence, expires="2020-01-01")
    new = replace(genuine.justified(evidence), run_id="approval-2")
    decision = decide(evidence, genuine.policy, [old, new])
    assert decision.justification is not None
    assert decision.justification.run_id == "approval-2"


def test_an_inconclusive_saving_asks_for_measurement_and_not_for_paperwork(genuine: Any) -> None:
    candidate = genuine.candidate(energy=genuine.energy(ratio=0.79, spread=8.0))
    decision = decide(genuine.evidence(candidate), genuine.policy)
    assert [reason.code for reason in decision.reasons] == ["energy.inconclusive"]
    assert decision.reasons[0].next.startswith("Measure longer")
    assert "justif" not in decision.model_dump_json(include={"reasons", "sentence"})


@pytest.mark.parametrize(
    "changes",
    [{"evaluation": None}, {"digest": "9" * 64}, {"energy": None}, {"manifest": None}],
)
def test_no_justification_rescues_untrustworthy_evidence(
    genuine: Any, changes: dict[str, Any]
) -> None:
    evidence = genuine.evidence(
        genuine.lossy("optimized"), genuine.candidate("fallback", **changes), deploy="baseline"
    )
    justified = [genuine.justified(evidence), genuine.justified(evidence, grounds="runtime")]
    assert decide(evidence, genuine.policy, justified).verdict == "BLOCKED"


def test_no_justification_rescues_a_baseline_that_is_not_what_it_says(genuine: Any) -> None:
    sound = genuine.evidence(genuine.lossy("optimized"), deploy="baseline")
    assert decide(sound, genuine.policy, [genuine.justified(sound)]).verdict == "PROMOTE_BASELINE"
    for baseline in (
        replace(sound.baseline, digest="9" * 64),
        replace(sound.baseline, digest=None),
        replace(sound.baseline, digest="not a digest"),
        replace(sound.baseline, manifest=None),
        replace(sound.baseline, manifest=genuine.manifest("9" * 64)),
    ):
        spoilt = replace(sound, baseline=baseline)
        decision = decide(spoilt, genuine.policy, [genuine.justified(spoilt)])
        assert decision.verdict == "BLOCKED"
        assert decision.baseline_digest in ("b" * 64, "9" * 64, None)
        assert {"digest.mismatch", "evidence.missing"} & {r.code for r in decision.reasons}
        assert "justification.missing" not in {r.code for r in decision.reasons}


def test_without_candidates_nothing_ships(genuine: Any) -> None:
    evidence = genuine.evidence(deploy="baseline", candidates=())
    decision = decide(evidence, genuine.policy, [genuine.justified(evidence, grounds="runtime")])
    assert [reason.code for reason in decision.reasons] == ["evidence.missing"]
    assert decision.verdict == "BLOCKED"


def test_a_policy_decides_only_on_models_it_covers(genuine: Any) -> None:
    policy = ModelPolicy(models=("spam-*", "Reviews"))
    decision = decide(genuine.evidence(), policy)
    assert [reason.code for reason in decision.reasons] == ["policy.untrusted"]
    assert decide(genuine.evidence(), ModelPolicy(models=("rev*",))).promoted == "optimized"


def test_a_policy_that_does_not_hold_for_the_run_decides_nothing(genuine: Any) -> None:
    evidence = genuine.evidence(genuine.lossy("optimized"), untrusted="the run states another.")
    decision = decide(evidence, genuine.policy, [genuine.justified(evidence)])
    assert decision.verdict == "BLOCKED"
    assert decision.reasons[0].code == "policy.untrusted"
    assert decision.reasons[0].sentence == "The run states another."


def test_roles_stand_once_and_are_those_of_candidates(genuine: Any) -> None:
    first = genuine.candidate()
    for candidates in (
        (first, first),
        (first, genuine.candidate()),
        (first, replace(genuine.candidate("fallback"), role="optimized")),
        (first, replace(first, role="baseline")),
        (first, replace(first, role="champion")),
    ):
        decision = decide(genuine.evidence(*candidates), genuine.policy)
        assert decision.verdict == "BLOCKED"
        assert "evidence.anomalous" in {reason.code for reason in decision.reasons}


def test_a_broken_frame_is_refused_outright(genuine: Any, spoiled: Any) -> None:
    evidence = genuine.evidence()
    for path in (("tolerance",), ("margin",), ("min_saving",), ("confidence",)):
        with pytest.raises(InputError, match="policy"):
            decide(evidence, spoiled.put(genuine.policy, path, math.nan))
    source = spoiled.put(evidence.source, ("created_ms",), math.nan)
    with pytest.raises(InputError, match="model version"):
        decide(replace(evidence, source=source), genuine.policy)
    with pytest.raises(InputError, match="time zone"):
        decide(replace(evidence, now=datetime(2026, 11, 23)), genuine.policy)


def test_evidence_hash_follows_the_figures_and_not_the_order(genuine: Any) -> None:
    optimized, fallback = genuine.candidate("optimized"), genuine.candidate("fallback")
    reference = evidence_sha256(genuine.evidence(optimized, fallback))
    assert evidence_sha256(genuine.evidence(fallback, optimized)) == reference
    other = replace(fallback, energy=genuine.energy("fallback", ratio=0.31))
    assert evidence_sha256(genuine.evidence(optimized, other)) != reference
    assert evidence_sha256(genuine.evidence(optimized)) != reference


def test_evidence_kept_by_an_earlier_release_keeps_its_hash(
    genuine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Later(EnergyComparison):
        noticed: float | None = None

    candidate = genuine.candidate("optimized")
    before = evidence_sha256(genuine.evidence(candidate))
    later = Later.model_validate(candidate.energy.model_dump())
    monkeypatch.setattr("leanstage.gate.evidence.EnergyComparison", Later)
    assert evidence_sha256(genuine.evidence(replace(candidate, energy=later))) == before
    said = later.model_copy(update={"noticed": 1.0})
    assert evidence_sha256(genuine.evidence(replace(candidate, energy=said))) != before
