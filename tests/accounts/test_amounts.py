"""Energy as emissions and money."""

import pytest

from leanstage.accounts import cost, emissions, figure, load_factors
from leanstage.contracts import Factors


@pytest.fixture
def factors(monkeypatch: pytest.MonkeyPatch) -> Factors:
    monkeypatch.delenv("LEANSTAGE_FACTORS", raising=False)
    return load_factors()


def test_emissions_span_the_overheads(factors: Factors) -> None:
    low, high = emissions(figure(1, "MWh"), factors).to("kgCO2e")
    assert low == pytest.approx(471.1 * 1.10)
    assert high == pytest.approx(471.1 * 1.58)


def test_cost_spans_overheads_and_prices(factors: Factors) -> None:
    assert cost(figure(1, "MWh"), factors).to("money") == pytest.approx((93.9 * 1.10, 256 * 1.58))
    assert factors.currency == "EUR"


def test_no_energy_no_emissions(factors: Factors) -> None:
    assert emissions(figure(0, "kWh"), factors).ends == (0.0, 0.0)
    assert cost(figure(0, "kWh"), factors).ends == (0.0, 0.0)


def test_two_factors_of_a_region_are_a_range(factors: Factors) -> None:
    grid = factors.intensities[0]
    lower = grid.model_copy(update={"value": 400.0, "source": "another"})
    both = factors.model_copy(update={"grids": (grid, lower)})
    found = emissions(figure(1, "MWh"), both).to("kgCO2e")
    assert found == pytest.approx((400 * 1.10, 471.1 * 1.58))
    assert "another" in both.basis
    assert grid.source in both.basis


def test_the_basis_names_every_figure_and_source(factors: Factors) -> None:
    for part in ("World", "lifecycle", "471.1", "Ember", "2024", "1.1", "Google", "1.58", "EUR"):
        assert part in factors.basis
    assert "EUR" not in factors.emissions_basis
    assert "gCO2e" not in factors.cost_basis
