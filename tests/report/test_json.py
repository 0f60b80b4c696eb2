"""The JSON report: the documents themselves."""

import json
import math
from collections.abc import Callable
from dataclasses import replace

from leanstage.contracts import Decision, EnergyComparison, Evaluation, Verdict
from leanstage.report import ReportInputs, render_json

MakeInputs = Callable[[Verdict], ReportInputs]


def test_documents_survive(make_inputs: MakeInputs) -> None:
    inputs = make_inputs("BLOCKED")
    found = json.loads(render_json(inputs))
    record = inputs.candidates["optimized"]
    assert Decision.model_validate(found["decision"]) == inputs.decision
    optimized = found["candidates"]["optimized"]
    assert Evaluation.model_validate(optimized["evaluation"]) == record.evaluation
    assert EnergyComparison.model_validate(optimized["energy"]) == record.energy
    assert optimized["evaluation"]["champion"]["digest"] == found["decision"]["champion"]["digest"]
    assert optimized["evaluation"]["macro_f1"]["difference"] < 0
    assert found["decision"]["judgements"][0]["slices"][0]["state"] == "harmed"
    assert found["version"] == inputs.version
    assert found["justify_command"] == inputs.justify_command


def test_figures_that_are_not_finite_are_null(make_inputs: MakeInputs) -> None:
    inputs = make_inputs("PROMOTE_OPTIMIZED")
    timings = {"resolve": math.nan, "plan": math.inf, "gate": 0.5}
    plan = inputs.plan.model_copy(update={"facts": {"share": math.nan}})
    found = json.loads(render_json(replace(inputs, timings=timings, plan=plan)))
    assert found["timings"] == {"resolve": None, "plan": None, "gate": 0.5}
    assert found["plan"]["facts"] == {"share": None}
