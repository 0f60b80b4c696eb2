"""What steps cost and lose, and which settings are worth their cost."""

from collections.abc import Callable

import pytest

from leanstage.contracts import Step, TriedSetting, Verdict
from leanstage.report import ReportInputs
from leanstage.report.lineage import step_results, tried_settings

MakeInputs = Callable[[Verdict], ReportInputs]


def test_costs_multiply_over_the_steps(make_inputs: MakeInputs) -> None:
    inputs = make_inputs("PROMOTE_OPTIMIZED")
    found = step_results(inputs.baseline, inputs.candidates["optimized"].manifest)
    shares = (5.9 / 11.4, 5.9 / 11.4, 5.9 / 11.4 * 1.7 / 5.9)
    assert [result.cost for result in found] == pytest.approx(shares)
    # A step that was rejected passes on what it was given.
    assert found[1].validation == found[0].validation


def test_a_step_that_was_not_timed_leaves_the_rest_unknown(make_inputs: MakeInputs) -> None:
    inputs = make_inputs("PROMOTE_OPTIMIZED")
    distill, prune, quantize = inputs.candidates["optimized"].manifest.lineage
    untimed = distill.model_copy(update={"input_ms_per_answer": None})
    manifest = inputs.candidates["optimized"].manifest.model_copy(
        update={"lineage": (untimed, prune, quantize)}
    )
    assert [r.cost for r in step_results(inputs.baseline, manifest)] == [None, None, None]
    assert not any(one.efficient for one in tried_settings(inputs.baseline, manifest, 0.01))


def test_settings_keep_their_order_and_say_which_was_kept(make_inputs: MakeInputs) -> None:
    inputs = make_inputs("PROMOTE_OPTIMIZED")
    tried = tried_settings(inputs.baseline, inputs.candidates["optimized"].manifest, 0.01)
    assert [one.technique for one in tried] == ["distill"] * 2 + ["prune"] * 2 + ["quantize"] * 2
    assert [one.limit for one in tried] == [0.005] * 2 + [0.01] * 4
    assert [one.probability_drop_se for one in tried] == [0.0011] * 3 + [None, 0.0011, None]
    assert [one.ms_per_answer for one in tried] == [3.1, 5.9, 4.9, None, 1.7, 21.4]
    assert [one.kept for one in tried] == [False, True, False, False, True, False]
    assert [one.efficient for one in tried] == [False, True, False, False, True, False]
    assert [None if one.cost is None else round(one.cost, 3) for one in tried] == [
        0.272,
        0.518,
        0.43,
        None,
        0.149,
        1.877,
    ]


def test_a_setting_is_held_against_the_limit_that_decided(make_inputs: MakeInputs) -> None:
    inputs = make_inputs("PROMOTE_OPTIMIZED")
    manifest = inputs.candidates["optimized"].manifest
    distill, *rest = manifest.lineage
    first, second = distill.trials
    step = distill.model_copy(
        update={"trials": (first.model_copy(update={"limit": 0.0025}), second)}
    )
    tried = tried_settings(
        inputs.baseline, manifest.model_copy(update={"lineage": (step, *rest)}), 0.01
    )
    assert [one.limit for one in tried] == [0.0025, 0.005] + [0.01] * 4


def test_a_setting_that_another_beats_both_ways_is_not_efficient(make_inputs: MakeInputs) -> None:
    tried = frontier(make_inputs, costs=(0.5, 0.5, 0.4), drops=(0.002, 0.001, 0.003))
    assert [one.efficient for one in tried] == [False, True, True]


def test_a_setting_dearer_than_the_baseline_is_efficient_only_if_it_gains(
    make_inputs: MakeInputs,
) -> None:
    tried = frontier(make_inputs, costs=(1.5, 1.5), drops=(0.001, -0.001))
    assert [one.efficient for one in tried] == [False, True]


def frontier(
    make_inputs: MakeInputs, *, costs: tuple[float, ...], drops: tuple[float, ...]
) -> tuple[TriedSetting, ...]:
    """Settings of one step at these costs, whose input costs 1."""
    inputs = make_inputs("PROMOTE_OPTIMIZED")
    manifest = inputs.candidates["optimized"].manifest
    distill = manifest.lineage[0]
    figures = distill.trials[0].validation
    assert figures is not None
    trials = tuple(
        distill.trials[0].model_copy(
            update={
                "ms_per_answer": cost,
                "validation": figures.model_copy(update={"probability_drop": drop}),
            }
        )
        for cost, drop in zip(costs, drops, strict=True)
    )
    step: Step = distill.model_copy(
        update={"status": "rejected", "trials": trials, "input_ms_per_answer": 1.0}
    )
    return tried_settings(inputs.baseline, manifest.model_copy(update={"lineage": (step,)}), 0.01)
