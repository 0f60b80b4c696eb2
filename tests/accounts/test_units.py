"""Units: what does not fit together raises, and ranges stay in order."""

import pint
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leanstage.accounts.units import Range, between, figure, hull

numbers = st.floats(-1e9, 1e9, allow_nan=False)
positive = st.floats(1e-6, 1e9)
ENERGIES = ("joule", "kilojoule", "Wh", "kWh", "MWh")
MASSES = ("gCO2e", "kgCO2e", "tCO2e")
OTHERS = ("answer", "money", "second", "watt", "gCO2e/kWh", "money/kWh")
KINDS = (ENERGIES, MASSES, *((unit,) for unit in OTHERS))


@st.composite
def ranges(draw: st.DrawFn, units: tuple[str, ...] = ("kWh",)) -> Range:
    low, high = sorted((draw(numbers), draw(numbers)))
    return between(low, high, draw(st.sampled_from(units)))


@st.composite
def of_two_kinds(draw: st.DrawFn) -> tuple[Range, Range]:
    first, second = draw(st.permutations(KINDS))[:2]
    return draw(ranges(first)), draw(ranges(second))


@settings(deadline=None)
@given(of_two_kinds())
def test_what_is_of_another_kind_is_never_added_nor_converted(pair: tuple[Range, Range]) -> None:
    mine, other = pair
    with pytest.raises(pint.DimensionalityError):
        mine + other
    with pytest.raises(pint.DimensionalityError):
        mine.to(str(other.unit))


@settings(deadline=None)
@given(positive, positive)
def test_joules_and_kilowatt_hours_add_up_whatever_they_are_written_in(
    joules: float, kwh: float
) -> None:
    total = figure(joules, "joule") + figure(kwh, "kWh")
    assert total.to("joule")[0] == pytest.approx(joules + 3.6e6 * kwh)
    assert total.to("kWh")[0] == pytest.approx(joules / 3.6e6 + kwh)


@settings(deadline=None)
@given(positive, positive, positive)
def test_grams_kilograms_and_tonnes_add_up(grams: float, kilograms: float, tonnes: float) -> None:
    total = figure(grams, "gCO2e") + figure(kilograms, "kgCO2e") + figure(tonnes, "tCO2e")
    assert total.to("kgCO2e")[0] == pytest.approx(grams / 1e3 + kilograms + tonnes * 1e3)


@settings(deadline=None)
@given(st.sampled_from(ENERGIES), positive, positive)
def test_emissions_do_not_depend_on_the_unit_of_the_energy(
    unit: str, kwh: float, intensity: float
) -> None:
    energy = figure(figure(kwh, "kWh").to(unit)[0], unit)
    grams = (energy * figure(intensity, "gCO2e/kWh")).to("gCO2e")[0]
    assert grams == pytest.approx(kwh * intensity)


@settings(deadline=None)
@given(ranges(), ranges(("gCO2e/kWh",)), positive)
def test_ranges_hold_every_product_and_quotient_of_what_they_hold(
    mine: Range, other: Range, divisor: float
) -> None:
    product, quotient = mine * other, mine / between(divisor, 2 * divisor, "answer")
    for each in mine.ends:
        for its in other.ends:
            assert product.low <= each * its <= product.high
        assert quotient.low <= each / divisor <= quotient.high
        assert quotient.low <= each / (2 * divisor) <= quotient.high


@settings(deadline=None)
@given(ranges(), ranges(("joule",)))
def test_sums_and_hulls_stay_in_order(mine: Range, other: Range) -> None:
    total = mine + other
    assert total.low <= total.high
    low, high = hull((mine, other), "joule")
    for each in (mine, other):
        assert low <= each.to("joule")[0] <= each.to("joule")[1] <= high


@pytest.mark.parametrize(("low", "high"), [(2.0, 1.0), (float("nan"), 1.0), (0.0, float("nan"))])
def test_a_range_out_of_order_is_none(low: float, high: float) -> None:
    with pytest.raises(ValueError, match="out of order"):
        between(low, high, "kWh")


def test_nothing_is_divided_by_what_may_be_nothing() -> None:
    with pytest.raises(ZeroDivisionError, match="holds zero"):
        figure(1, "kWh") / between(-1, 1, "answer")
    with pytest.raises(ZeroDivisionError):
        figure(1, "kWh") / 0
