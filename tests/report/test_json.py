"""The JSON report: a document of its own, with a schema."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from typing import get_args

import jsonschema
import pytest

from leanstage.contracts import Decision, EnergyComparison, Evaluation, Report, Verdict
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


@pytest.mark.parametrize("verdict", get_args(Verdict))
def test_it_is_a_report_by_its_published_schema(make_inputs: MakeInputs, verdict: Verdict) -> None:
    text = render_json(make_inputs(verdict))
    jsonschema.validate(json.loads(text), Report.model_json_schema(mode="serialization"))
    report = Report.parse(text, where="report.json")
    assert report.subject == "optimized"
    optimized = report.candidates["optimized"]
    assert [step.technique for step in optimized.steps] == ["distill", "prune", "quantize"]
    assert len(optimized.tried) == 6
    assert [each.arm for each in optimized.footprints][-1] == "candidate"
    assert report.factors is not None
    assert report.factors.region == "World"


def test_figures_that_are_not_finite_are_null(make_inputs: MakeInputs) -> None:
    inputs = make_inputs("PROMOTE_OPTIMIZED")
    timings = {"resolve": math.nan, "plan": math.inf, "gate": 0.5}
    plan = inputs.plan.model_copy(update={"facts": {"share": math.nan}})
    found = json.loads(render_json(replace(inputs, timings=timings, plan=plan)))
    assert found["timings"] == {"resolve": None, "plan": None, "gate": 0.5}
    assert found["plan"]["facts"] == {"share": None}
