"""The lines that each kind of site asks for, and what is missing said, never a zero."""

from typing import Any

import pytest

from leanstage.accounts import figure, load_factors
from leanstage.accounts.disclosures import disclosures
from leanstage.accounts.inventory import inventory
from leanstage.contracts import Factors, InventoryLine
from tests.accounts.evidence import setting

ENERGY, BOUGHT, USED = figure(1, "MWh"), figure(500, "kgCO2e"), figure(100, "kgCO2e")
WIND = {"name": "wind", "share": 0.6, "gco2e_per_kwh": 10.0, "source": "contract 17"}


def of(region: str, **rows: Any) -> Factors:
    boundary = "direct" if region in ("GB", "US") else "lifecycle"
    fields = load_factors().model_dump() | {"region": region, "boundary": boundary} | rows
    return Factors.model_validate(fields)


def lines(factors: Factors, **stated: Any) -> dict[str, InventoryLine]:
    found = inventory(setting(**stated), factors, ENERGY, BOUGHT, USED)
    return {line.method or f"category {line.category}": line for line in found}


def row(**fields: Any) -> dict[str, Any]:
    return {"year": 2025, "source": "us", "licence": "our own", "region": "GB"} | fields


def tonnes(line: InventoryLine) -> float:
    assert line.tco2e is not None
    assert line.tco2e[0] == line.tco2e[1]
    return line.tco2e[0]


def test_a_site_of_ones_own_has_scope_2_and_categories_2_and_3() -> None:
    found = lines(of("GB"), server_bought=2026, contracts=[WIND])
    assert list(found) == ["location", "market", "category 2", "category 3"]
    assert tonnes(found["location"]) == pytest.approx(0.20705)
    # Without a residual mix the rest is that of the grid, as the guidance has it.
    assert tonnes(found["market"]) == pytest.approx(0.6 * 0.010 + 0.4 * 0.20705)
    assert "no residual mix is stated" in found["market"].basis
    assert tonnes(found["category 2"]) == pytest.approx(0.5)
    # The published factors for fuels, losses and fuels of what is lost: 45.90, 18.30, 4.06 g/kWh.
    assert tonnes(found["category 3"]) == pytest.approx(0.0459 + 0.0183 + 0.00406, abs=1e-5)


def test_a_cloud_is_a_service_bought() -> None:
    found = lines(of("DE"), site="cloud")
    assert list(found) == ["category 1"]
    assert tonnes(found["category 1"]) == pytest.approx(0.381 + 0.1)


def test_a_residual_mix_comes_before_the_grid() -> None:
    factors = of("GB", residual=[row(value=350)])
    half = lines(factors, contracts=[WIND])["market"]
    assert tonnes(half) == pytest.approx(0.6 * 0.010 + 0.4 * 0.350)
    assert "residual mix of GB" in half.basis
    assert tonnes(lines(factors)["market"]) == pytest.approx(0.350)


def test_all_under_contract_needs_no_grid() -> None:
    found = lines(of("DE"), contracts=[WIND | {"share": 1.0}])
    assert tonnes(found["market"]) == pytest.approx(0.010)


def test_contracts_change_the_market_line_and_no_other() -> None:
    without, under = lines(of("GB")), lines(of("GB"), contracts=[WIND])
    assert without.pop("market").tco2e is None
    assert under.pop("market").tco2e is not None
    assert without == under


def test_two_factors_of_a_region_are_a_range() -> None:
    grids = [row(value=value, boundary="direct") for value in (300.0, 200.0)]
    assert lines(of("GB", grids=grids))["location"].tco2e == pytest.approx((0.2, 0.3))


@pytest.mark.parametrize(
    ("region", "line", "named"),
    [
        ("DE", "location", "no direct intensity of the grid of DE"),
        ("GB", "market", "Neither a contract nor a residual mix"),
        ("GB", "category 2", "name server_bought"),
        ("US", "category 3", "upstream and losses of US"),
    ],
)
def test_what_is_not_known_is_said_and_is_no_zero(region: str, line: str, named: str) -> None:
    found = lines(of(region))[line]
    assert found.tco2e is None
    assert named in found.basis


def test_a_rest_without_a_factor_leaves_the_market_line_open() -> None:
    found = lines(of("DE"), contracts=[WIND])["market"]
    assert found.tco2e is None
    assert found.basis.startswith("60% is under contract. There is no direct intensity")


def test_a_cloud_without_a_lifecycle_factor_is_not_known() -> None:
    found = lines(of("GB"), site="cloud")["category 1"]
    assert found.tco2e is None
    assert "no lifecycle intensity" in found.basis


def test_capital_goods_count_in_the_year_of_their_purchase_alone() -> None:
    found = lines(of("GB"), server_bought=2024)["category 2"]
    assert found.tco2e == (0.0, 0.0)
    assert "whole in 2024" in found.basis


def records(factors: Factors, **stated: Any) -> dict[str, Any]:
    own = setting(**stated)
    found = disclosures(own, ENERGY, inventory(own, factors, ENERGY, BOUGHT, USED))
    for each in found:
        assert (each.standard, each.standard_version) == ("ESRS E1", "2023/2772")
        assert (each.period_start, each.period_end) == ("2026-01-01", "2026-12-31")
    return {each.concept: each for each in found}


def test_disclosures_are_the_same_figures_by_concept() -> None:
    found = records(of("GB"), server_bought=2026, contracts=[WIND])
    energy = found["EnergyConsumptionRelatedToOwnOperations"]
    assert (energy.value, energy.unit) == ((1.0, 1.0), "MWh")
    location = found["GrossLocationBasedScope2GreenhouseGasEmissions"]
    assert location.value == pytest.approx((0.20705,) * 2)
    market = found["GrossMarketBasedScope2GreenhouseGasEmissions"]
    assert market.value == pytest.approx((0.6 * 0.010 + 0.4 * 0.20705,) * 2)
    third = found["GrossScope3GreenhouseGasEmissions"]
    assert third.value == pytest.approx((0.5 + 0.06826,) * 2, abs=1e-5)
    assert len(found) == 4


def test_a_total_without_one_of_its_parts_is_not_known() -> None:
    third = records(of("GB"))["GrossScope3GreenhouseGasEmissions"]
    assert third.value is None
    assert "category 2" in third.basis


def test_a_cloud_discloses_scope_3_alone() -> None:
    (third,) = records(of("DE"), site="cloud").values()
    assert third.concept == "GrossScope3GreenhouseGasEmissions"
    assert third.value == pytest.approx((0.481,) * 2)
