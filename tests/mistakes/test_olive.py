"""Mistakes of Olive."""

import math
from collections.abc import Callable
from typing import Any

import pytest

from leanstage.contracts import Plan
from leanstage.gate import decide
from leanstage.variant import Variant
from tests.mistakes.conftest import Quantized, inverted, last_step, one_class


@pytest.mark.parametrize("part", ["evaluation", "energy", "predictions"])
def test_a_goal_whose_metric_is_missing_does_not_count_as_met(genuine: Any, part: str) -> None:
    """A limit that nothing was measured for blocks, instead of being passed over."""
    decision = decide(genuine.evidence(genuine.candidate(**{part: None})), genuine.policy)
    assert decision.verdict == "BLOCKED"
    assert {reason.code for reason in decision.reasons} & {
        "evidence.missing",
        "evidence.anomalous",
    }


def test_a_metric_that_is_no_number_does_not_count_as_met(genuine: Any, spoiled: Any) -> None:
    """NaN is smaller than no limit, and meets none."""
    evaluation = spoiled.put(genuine.evaluation(), ("difference",), math.nan)
    decision = decide(genuine.evidence(genuine.candidate(evaluation=evaluation)), genuine.policy)
    assert decision.verdict == "BLOCKED"


@pytest.mark.parametrize(
    ("threshold", "value", "code"),
    [
        ("max_latency_p95_ms", 0.001, "latency.slo"),
        ("max_latency_p50_ms", 0.001, "latency.slo"),
        ("max_bytes", 1, "size.limit"),
    ],
)
def test_a_threshold_of_the_policy_does_not_vanish(
    genuine: Any, threshold: str, value: float, code: str
) -> None:
    """What meets every other goal is refused for the one that it does not."""
    good = genuine.candidate()
    assert decide(genuine.evidence(good), genuine.policy).verdict == "PROMOTE_OPTIMIZED"
    policy = genuine.policy.model_copy(update={threshold: value})
    decision = decide(genuine.evidence(good), policy)
    assert decision.verdict == "BLOCKED"
    assert code in {reason.code for reason in decision.reasons}


def test_a_threshold_on_what_was_not_measured_does_not_vanish(genuine: Any) -> None:
    energy = genuine.energy()
    others = tuple(arm for arm in energy.arms if arm.name != energy.registered.arm)
    candidate = genuine.candidate(energy=energy.model_copy(update={"arms": others}))
    policy = genuine.policy.model_copy(update={"max_latency_p95_ms": 1e9})
    decision = decide(genuine.evidence(candidate), policy)
    assert decision.verdict == "BLOCKED"
    assert any("latency" in reason.sentence for reason in decision.reasons)


def test_where_nothing_meets_the_goals_the_search_does_not_go_on_without_them(
    quantized: Quantized, instead: Callable[..., str], baseline: Variant
) -> None:
    """What fits no limit is rejected, however much it would save."""
    variant = quantized(instead(inverted))
    assert last_step(variant).status == "rejected"
    weights = "model.safetensors"
    assert (variant.path / weights).read_bytes() == (baseline.path / weights).read_bytes()


def test_int8_that_answers_one_class_is_no_success(
    quantized: Quantized, instead: Callable[..., str]
) -> None:
    """A form that answers all rows alike fits not even where everything may be lost."""
    step = last_step(quantized(instead(one_class), tolerance=1.0))
    assert step.status == "rejected"
    assert "one class for all" in step.trials[0].reason


def test_real_static_int8_answers_more_than_one_class(
    quantized: Quantized, plan: Callable[..., Plan]
) -> None:
    """Static ranges of every operator of a graph are what made Olive's model answer one class."""
    step = last_step(quantized("onnxruntime-int8-static"))
    assert step.status == "applied", step.reason
    assert step.kept is not None
    assert step.kept.validation is not None
    assert step.kept.validation.accuracy > 0.9
