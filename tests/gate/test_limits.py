"""Limits are met at the limit itself and missed beyond it; reasons say what would help."""

import math
from typing import Any

import numpy as np
import pytest

from leanstage.contracts import Judgement, ModelPolicy, PairedCounts
from leanstage.gate import decide, judge
from leanstage.gate.accuracy import metric_loss
from leanstage.tasks import Predictions, compare
from leanstage.variant.bootstrap import macro_f1_upper_drop
from leanstage.variant.statistics import rows_needed, tango_upper_drop


def look(genuine: Any, policy: ModelPolicy | None = None, **changes: Any) -> Judgement:
    """The judgement of a single candidate."""
    candidate = genuine.candidate(**changes)
    return judge(genuine.evidence(candidate), policy or genuine.policy)[0].judgement


def codes(judgement: Judgement) -> list[str]:
    return [reason.code for reason in judgement.reasons]


def test_a_judgement_holds_the_energy_of_both(genuine: Any) -> None:
    energy = genuine.energy()
    judgement = look(genuine, energy=energy)
    assert judgement.joules_per_answer == energy.arm(energy.registered.arm).joules_per_answer
    baseline = energy.arm(energy.registered.against)
    assert judgement.baseline_joules_per_answer == baseline.joules_per_answer
    assert judgement.joules_per_answer != judgement.baseline_joules_per_answer
    assert judgement.tier == energy.meter.tier


def test_drop_at_the_tolerance_is_accepted(genuine: Any) -> None:
    policy = ModelPolicy(tolerance=0.01, margin=0.05)
    for lost, expected in ((40, []), (41, ["accuracy.drop"])):
        judgement = look(genuine, policy, evaluation=genuine.evaluation(lost=lost, gained=20))
        assert codes(judgement) == expected
        assert judgement.drop == pytest.approx((lost - 20) / 2000)


def test_bound_at_the_margin_is_accepted(genuine: Any) -> None:
    counts = genuine.evaluation().counts
    bound = tango_upper_drop(counts, 0.95)
    assert codes(look(genuine, ModelPolicy(tolerance=0.005, margin=bound))) == []
    judgement = look(genuine, ModelPolicy(tolerance=0.005, margin=bound - 1e-6))
    assert codes(judgement) == ["accuracy.uncertain"]
    assert judgement.rows_needed == rows_needed(counts, bound - 1e-6, 0.95) == 2001
    assert judgement.reasons[0].next == "Evaluate on at least 2,001 rows."


def test_more_rows_are_not_advised_where_they_cannot_help(genuine: Any) -> None:
    judgement = look(genuine, evaluation=genuine.evaluation(lost=60))
    assert codes(judgement) == ["accuracy.drop", "accuracy.uncertain"]
    assert judgement.rows_needed is None
    assert "would not help" in judgement.reasons[1].next


def test_rows_below_the_minimum(genuine: Any) -> None:
    policy = ModelPolicy(tolerance=0.05, margin=0.2)
    for n, expected in ((300, []), (299, ["accuracy.too_few"])):
        evaluation = genuine.evaluation(n=n, lost=2, gained=1)
        assert codes(look(genuine, policy, evaluation=evaluation)) == expected


def test_no_discordant_rows_are_no_proof_on_a_handful(genuine: Any) -> None:
    judgement = look(
        genuine, ModelPolicy(min_n=1), evaluation=genuine.evaluation(n=40, lost=0, gained=0)
    )
    assert codes(judgement) == ["accuracy.uncertain"]
    counts = PairedCounts(both_right=40, baseline_only=0, candidate_only=0, both_wrong=0)
    assert judgement.drop_bound == tango_upper_drop(counts, 0.95) > 0.06


def test_the_metric_of_the_policy_is_held_to_its_limits(genuine: Any) -> None:
    evaluation = genuine.evaluation(lost=60, gained=20)
    figures = compare(genuine.predictions(evaluation.predictions_sha256), ("negative", "positive"))
    judgement = look(genuine, ModelPolicy(metric="macro_f1"), evaluation=evaluation)
    assert judgement.drop == -figures.macro_f1.difference != figures.counts.drop
    bound = macro_f1_upper_drop(figures.counts, figures.resampled, 0.95)
    assert judgement.drop_bound == bound > 0.02
    assert codes(judgement) == ["accuracy.drop", "accuracy.uncertain"]
    assert all(" of macro F1" in reason.sentence for reason in judgement.reasons)


def test_macro_f1_within_its_limits_is_accepted(genuine: Any) -> None:
    policy = ModelPolicy(metric="macro_f1")
    judgement = look(genuine, policy)
    assert codes(judgement) == []
    assert "of macro F1 on 2,000" in decide(genuine.evidence(), policy).sentence
    narrow = ModelPolicy(metric="macro_f1", margin=judgement.drop_bound - 1e-4, tolerance=0.005)
    uncertain = look(genuine, narrow)
    assert codes(uncertain) == ["accuracy.uncertain"]
    assert 2000 < uncertain.rows_needed < 2200
    assert f"{uncertain.rows_needed:,} rows" in uncertain.reasons[0].next


def test_more_rows_do_not_help_a_small_class_that_is_lost() -> None:
    labels = (np.arange(2000) < 100).astype(np.int32)
    candidate = np.where(np.arange(2000) < 12, 0, labels).astype(np.int32)
    figures = compare(Predictions(labels, labels, candidate), ("negative", "positive"))
    in_accuracy = metric_loss(figures, ModelPolicy(), 0.95)
    assert (in_accuracy.drop, in_accuracy.rows_needed) == (0.006, 271)
    loss = metric_loss(figures, ModelPolicy(metric="macro_f1"), 0.95)
    assert loss.drop == pytest.approx(0.0335, abs=1e-3)
    assert loss.rows_needed is None


def test_macro_f1_is_no_proof_on_a_handful_either(genuine: Any) -> None:
    evaluation = genuine.evaluation(n=40, lost=0, gained=0)
    judgement = look(genuine, ModelPolicy(metric="macro_f1", min_n=1), evaluation=evaluation)
    assert codes(judgement) == ["accuracy.uncertain", "accuracy.too_few"]
    assert judgement.rows_needed > 40


@pytest.mark.parametrize(
    ("ratio", "spread", "code"),
    [
        (0.78, 1.0, None),
        (0.78, 8.0, "energy.inconclusive"),
        (0.82, 8.0, "energy.inconclusive"),
        (0.82, 1.0, "energy.no_saving"),
        (1.30, 8.0, "energy.no_saving"),
    ],
)
def test_saving_has_three_states(
    genuine: Any, ratio: float, spread: float, code: str | None
) -> None:
    judgement = look(genuine, energy=genuine.energy(ratio=ratio, spread=spread))
    assert codes(judgement) == ([code] if code else [])
    assert judgement.saving == pytest.approx(1 - ratio, abs=0.01)
    assert judgement.saving_required == 0.2
    if code:
        assert "20%" in judgement.reasons[0].sentence
    if code == "energy.inconclusive":
        assert judgement.reasons[0].next.startswith("Measure longer")


def test_saving_at_the_requirement_is_accepted(genuine: Any) -> None:
    energy = genuine.energy()
    least = 1 - energy.strongest.ci95[1]
    assert codes(look(genuine, ModelPolicy(min_saving=least), energy=energy)) == []
    judgement = look(genuine, ModelPolicy(min_saving=least + 1e-6), energy=energy)
    assert codes(judgement) == ["energy.inconclusive"]


def test_longer_measurement_is_named_in_blocks_where_that_helps(genuine: Any) -> None:
    near = look(genuine, energy=genuine.energy(ratio=0.79, spread=8.0)).reasons[0].next
    assert "blocks instead of 10" in near
    hopeless = look(genuine, energy=genuine.energy(ratio=0.8, spread=8.0)).reasons[0].next
    assert hopeless.startswith("Measure longer: more blocks")


def test_an_estimate_has_to_save_more(genuine: Any) -> None:
    for ratio, expected in ((0.55, []), (0.65, ["energy.no_saving"])):
        judgement = look(genuine, energy=genuine.energy(ratio=ratio, tier="estimated"))
        assert codes(judgement) == expected
        assert judgement.saving_required == pytest.approx(0.4)


def test_the_policy_names_the_reference(genuine: Any) -> None:
    energy = genuine.energy(ratio=0.9, reference=0.5)
    strict = look(genuine, energy=energy)
    assert codes(strict) == ["energy.no_saving"]
    assert "strongest unoptimized form" in strict.reasons[0].sentence
    lenient = look(genuine, ModelPolicy(reference="registered"), energy=energy)
    assert codes(lenient) == []
    assert lenient.saving == pytest.approx(0.55, abs=0.01)


def test_latency_is_that_of_the_candidate(genuine: Any) -> None:
    for name, at in (("max_latency_p95_ms", 6.0), ("max_latency_p50_ms", 3.0)):
        for limit, expected in ((at, []), (at - 0.001, ["latency.slo"])):
            policy = ModelPolicy().model_copy(update={name: limit})
            assert codes(look(genuine, policy)) == expected


def test_a_latency_whose_calls_were_not_kept_meets_no_limit(genuine: Any) -> None:
    energy = genuine.energy()
    arms = tuple(arm.model_copy(update={"latencies_ms": ()}) for arm in energy.arms)
    unkept = energy.model_copy(update={"arms": arms})
    assert codes(look(genuine, energy=unkept)) == []
    judgement = look(genuine, ModelPolicy(max_latency_p95_ms=100.0), energy=unkept)
    assert codes(judgement) == ["evidence.missing"]
    assert "its single calls were not kept" in judgement.reasons[0].sentence


def test_both_latencies_are_named(genuine: Any) -> None:
    policy = ModelPolicy(max_latency_p50_ms=1.0, max_latency_p95_ms=2.0)
    half, most = look(genuine, policy).reasons
    assert "within 3 ms in half of the calls" in half.sentence
    assert "within 6 ms in 95% of the calls" in most.sentence


def test_size_is_that_of_the_candidate(genuine: Any) -> None:
    for limit, expected in ((2000, []), (1999, ["size.limit"])):
        assert codes(look(genuine, ModelPolicy(max_bytes=limit))) == expected


@pytest.mark.parametrize(
    ("serving", "runtime", "expected"),
    [
        ("onnxruntime", "torch", ["serving.runtime"]),
        ("vllm", "onnxruntime", ["serving.runtime"]),
        ("torch", "torch", []),
        ("onnxruntime", "onnxruntime", []),
        ("any", "onnxruntime", []),
    ],
)
def test_what_serves_has_to_load_it(
    genuine: Any, serving: Any, runtime: str, expected: list[str]
) -> None:
    manifest = genuine.candidate().manifest.model_copy(update={"runtime": runtime})
    judgement = look(genuine, ModelPolicy(serving=serving), manifest=manifest)
    assert [code for code in codes(judgement) if code == "serving.runtime"] == expected


def test_every_reason_is_a_sentence_with_a_next_step(genuine: Any) -> None:
    policy = ModelPolicy(max_latency_p50_ms=1.0, max_latency_p95_ms=1.0, max_bytes=10)
    judgement = look(
        genuine,
        policy,
        evaluation=genuine.evaluation(n=100, lost=30, gained=0),
        energy=genuine.energy(ratio=1.2),
    )
    assert len(judgement.reasons) == 8
    for reason in judgement.reasons:
        for text in (reason.sentence, reason.next):
            assert text[0].isupper()
            assert text.endswith(".")
        assert any(character.isdigit() for character in reason.sentence)
    assert math.isfinite(judgement.saving_bound or math.nan)
