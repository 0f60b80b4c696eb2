"""Emissions and cost of every measured form."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from leanstage.accounts import load_factors
from leanstage.contracts import EnergyComparison, Report, Verdict
from leanstage.report import ReportInputs, render_html, render_json, render_markdown
from leanstage.report.footprint import footprints

MakeInputs = Callable[[Verdict], ReportInputs]


@pytest.fixture
def energy(make_inputs: MakeInputs) -> EnergyComparison:
    found = make_inputs("PROMOTE_OPTIMIZED").candidates["optimized"].energy
    assert found is not None
    return found


def test_ranges_hold_meter_data_centre_and_price(energy: EnergyComparison) -> None:
    base = footprints(energy, load_factors())[0]
    wh = 0.0584 / 3.6
    assert base.arm == "baseline"
    assert base.wh_per_1000 == pytest.approx((0.7 * wh, 2.0 * wh))
    assert base.gco2e_per_1000 == pytest.approx(
        (0.7 * wh * 1.10 * 0.4711, 2.0 * wh * 1.58 * 0.4711)
    )
    assert base.cost_per_million == pytest.approx(
        (0.7 * wh * 1.10 * 0.0939, 2.0 * wh * 1.58 * 0.256)
    )


def test_a_counter_is_taken_as_it_is(energy: EnergyComparison) -> None:
    meter = energy.meter.model_copy(update={"scale": None})
    base = footprints(energy.model_copy(update={"meter": meter}), load_factors())[0]
    assert base.wh_per_1000 == pytest.approx((0.0584 / 3.6, 0.0584 / 3.6))


def test_the_control_has_no_footprint(energy: EnergyComparison) -> None:
    arms = [each.arm for each in footprints(energy, load_factors())]
    assert arms == ["baseline", "torch-bf16", "onnxruntime-fp32", "candidate"]


def test_the_report_names_every_factor_with_its_source(make_inputs: MakeInputs) -> None:
    text = render_markdown(make_inputs("PROMOTE_OPTIMIZED"))
    for factor in load_factors().grids[:1]:
        assert f"{factor.value:g}" in text
        assert factor.source.split(",")[0] in text
    assert re.search(r"Energy \| 0\.7 to 2 \(times what is stated\) \| 2026 \| modeled", text)
    assert re.search(r"Electricity, most \| 0\.256 \(EUR per kWh\) \| 2024 \| sourced", text)
    assert re.search(r"Saved by the candidate.*0\.0102 to 0\.0292", text)


def test_a_candidate_that_takes_more_saves_less_than_nothing(make_inputs: MakeInputs) -> None:
    inputs = make_inputs("BLOCKED")
    record = inputs.candidates["optimized"]
    assert record.energy is not None
    worse = record.energy.registered.model_copy(update={"ratio": 1.5, "ci95": (1.4, 1.6)})
    energy = record.energy.model_copy(update={"registered": worse})
    candidates = {"optimized": replace(record, energy=energy)}
    text = render_markdown(replace(inputs, candidates=candidates))
    assert re.search(
        r"Saved by the candidate.*\N{MINUS SIGN}0\.0162 to \N{MINUS SIGN}0\.00568", text
    )


def test_without_a_measurement_nothing_is_claimed(make_inputs: MakeInputs) -> None:
    inputs = make_inputs("BLOCKED")
    bare = replace(inputs.candidates["optimized"], energy=None)
    page = render_html(replace(inputs, candidates={"optimized": bare}))
    assert "neither emissions nor cost are known" in page


def test_without_factors_neither_emissions_nor_cost_are_stated(make_inputs: MakeInputs) -> None:
    inputs = replace(
        make_inputs("PROMOTE_OPTIMIZED"), factors=None, no_factors="The factors are broken."
    )
    for page in (render_markdown(inputs), render_html(inputs)):
        assert "The factors are broken. Neither emissions nor cost are stated." in page
        assert "gCO2e" not in page
    report = Report.parse(render_json(inputs), where="report.json")
    assert report.factors is None
    assert report.candidates["optimized"].footprints == ()
