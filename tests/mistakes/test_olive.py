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
