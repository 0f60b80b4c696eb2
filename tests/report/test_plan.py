"""Why these techniques: each answer with its basis, and the figures that it rests on."""

import dataclasses
from collections.abc import Callable

from leanstage.contracts import Answer, Calibration, Verdict
from leanstage.report import ReportInputs, render_html, render_markdown
from tests.plan.cases import gain

MakeInputs = Callable[[Verdict], ReportInputs]
MEASURED = Answer(
    technique="quantize",
    branch="quantize.measured",
    question="What does the serving hardware compute fastest in?",
    answer="Measure what gains, cheapest first.",
    reason="What was measured here counts for more.",
    source="calibration of the hardware profile",
    basis="measured",
    gains=(gain("onnxruntime-int8", 0.15, 0.17), gain("bitsandbytes-int8", 3.0, 3.4)),
    left_out=("bitsandbytes-int8",),
)


def test_an_answer_says_what_it_rests_on(make_inputs: MakeInputs) -> None:
    inputs = make_inputs("BLOCKED")
    plan = inputs.plan.model_copy(
        update={"path": (*inputs.plan.path, MEASURED), "tree_sha256": "a" * 64}
    )
    inputs = dataclasses.replace(inputs, plan=plan)
    for text in (render_html(inputs), render_markdown(inputs)):
        assert "Decision tree 2026.1 (aaaaaaaaaaaa)" in text
        assert "rule of thumb" in text
        assert "measured on the hardware planned for" in text
        assert "onnxruntime-int8 costs 0.16 (95% CI 0.15 to 0.17) of float32" in text
        assert "Left out, as it gains nothing here: bitsandbytes-int8." in text


def test_the_hardware_is_the_gates_and_a_plan_for_another_profile_is_told(
    make_inputs: MakeInputs,
) -> None:
    inputs = make_inputs("PROMOTE_OPTIMIZED")
    told = "the plan was made for another profile"
    assert told not in render_markdown(inputs)
    calibration = Calibration(
        measured="2026-11-26T10:00:00+00:00",
        unit="CPU-seconds per answer",
        versions={},
        seconds=1.0,
        gains=(),
    )
    gates = inputs.hardware.model_copy(update={"name": "serving-pool", "calibration": calibration})
    text = render_markdown(dataclasses.replace(inputs, hardware=gates))
    assert told in text
    assert f"serving-pool ({gates.sha256()[:12]})" in text
    assert "2026-11-26T10:00:00+00:00" in text
