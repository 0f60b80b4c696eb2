"""What the report says of production: agreement, drift, or that nobody looked."""

import json
from collections.abc import Callable
from dataclasses import replace

from leanstage.contracts import ModelPolicy, ProductionCheck, Verdict
from leanstage.report import ReportInputs, render_html, render_json, render_markdown

MakeInputs = Callable[[Verdict], ReportInputs]


def with_check(inputs: ReportInputs, check: ProductionCheck | None) -> ReportInputs:
    """The inputs with another check of every candidate."""
    candidates = {
        role: replace(
            record,
            evaluation=record.evaluation.model_copy(update={"production": check})
            if record.evaluation
            else None,
        )
        for role, record in inputs.candidates.items()
    }
    return replace(inputs, candidates=candidates)


def check_of(inputs: ReportInputs) -> ProductionCheck:
    record = inputs.record(inputs.subject)
    assert record is not None
    assert record.evaluation is not None
    assert record.evaluation.production is not None
    return record.evaluation.production


def asking(inputs: ReportInputs) -> ReportInputs:
    fields = {**inputs.policy.model_dump(), "min_agreement": 0.95}
    return replace(inputs, policy=ModelPolicy.model_validate(fields))


def test_agreement_and_drift_are_told(make_inputs: MakeInputs) -> None:
    inputs = make_inputs("PROMOTE_OPTIMIZED")
    for page in (render_html(inputs), render_markdown(inputs)):
        assert "812 rows of production" in page
        assert "97.9% as the baseline does" in page
        assert "96.7% to 98.7%, Wilson" in page
        assert "0.518" in page
        assert "Not shown to differ from the training rows" in page
        assert "Differs from the evaluation rows" in page
        assert "Not checked against production" not in page
    kept = json.loads(render_json(inputs))["candidates"]["optimized"]["evaluation"]["production"]
    assert ProductionCheck.model_validate(kept) == check_of(inputs)


def test_without_a_sample_the_report_says_so(make_inputs: MakeInputs) -> None:
    inputs = with_check(make_inputs("PROMOTE_OPTIMIZED"), None)
    for page in (render_html(inputs), render_markdown(inputs)):
        assert "Not checked against production" in page
        assert "--production-sample" in page.replace("\\", "")
    kept = json.loads(render_json(inputs))["candidates"]["optimized"]["evaluation"]
    assert kept["production"] is None


def test_too_few_rows_to_tell_are_no_all_clear(make_inputs: MakeInputs) -> None:
    inputs = make_inputs("PROMOTE_OPTIMIZED")
    page = render_html(with_check(inputs, check_of(inputs).model_copy(update={"drift": ()})))
    assert page.count("Too few different texts") == 2
    assert "Not shown to differ" not in page


def test_the_limit_stands_among_those_of_the_policy(make_inputs: MakeInputs) -> None:
    inputs = asking(make_inputs("PROMOTE_OPTIMIZED"))
    title = "Agreement with the baseline in production"
    assert title not in render_markdown(make_inputs("PROMOTE_OPTIMIZED"))
    judged = replace(
        inputs,
        decision=inputs.decision.model_copy(
            update={
                "judgements": tuple(
                    each.model_copy(update={"agreement": 795 / 812, "agreement_bound": 0.9688})
                    for each in inputs.decision.judgements
                )
            }
        ),
    )
    (row,) = [line for line in render_markdown(judged).splitlines() if title in line]
    assert "96.9%" in row
    assert "at least 95.0%" in row
    (row,) = [
        line for line in render_markdown(with_check(inputs, None)).splitlines() if title in line
    ]
    assert "not checked against production" in row
