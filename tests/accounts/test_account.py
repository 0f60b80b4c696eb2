"""The account of one form: every figure by hand, what it scales with, and what it refuses."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as rules
from hypothesis import strategies as st

from leanstage.accounts import load_factors
from leanstage.accounts.account import account
from leanstage.accounts.capacity import Service
from leanstage.contracts import Accounts, Factors, Setting
from leanstage.errors import InputError
from tests.accounts.evidence import JOULES, SERVER, comparison, setting

HOURS = 365 * 24
SECONDS = HOURS * 3600
SHIPPED = load_factors()
OBJECTIVE: dict[str, Any] = {
    "peak_per_second": {"value": 10, "source": "counted"},
    "latency_ms": 90,
}


def known(value: float) -> dict[str, Any]:
    factor = {"value": value, "year": 2025, "source": "us", "licence": "our own"}
    return {"low": factor, "high": factor}


@pytest.fixture(scope="module")
def factors() -> Factors:
    """Figures without a range, so that results can be worked out by hand."""
    fields = SHIPPED.model_dump() | {
        "region": "GB",
        "boundary": "direct",
        "pue": known(1.5),
        "price": known(0.2) | {"currency": "EUR"},
        "embodied": known(1000.0),
        "lifetime": known(5.0),
    }
    return Factors.model_validate(fields)


def kwh(name: str, replicas: int, answers: float = 1e7, watts: float = 2.0) -> float:
    """Of the data centre: what answers take, and what replicas take that wait."""
    times = {"baseline": (0.04, 0.06), "candidate": (0.02, 0.03)}
    busy = answers * Service.through(*times[name]).mean_seconds
    joules = answers * 2 * JOULES[name] + (replicas * SECONDS - busy) * watts
    return 1.5 * joules / 3.6e6


def test_energy_holds_answers_waiting_replicas_and_the_data_centre(factors: Factors) -> None:
    found = account(comparison(), setting(), factors)
    assert found.subject == "candidate"
    assert found.kwh == pytest.approx((kwh("candidate", 2),) * 2)
    assert found.capacity.replicas == 2
    # Waiting is most of it, and a replica more is a replica more that waits.
    more = account(comparison(), setting(replicas=3), factors)
    assert more.kwh[0] - found.kwh[0] == pytest.approx(1.5 * 2 * HOURS / 1000)


def test_sci_is_energy_times_grid_and_the_share_of_the_hardware(factors: Factors) -> None:
    found = account(comparison(), setting(), factors).intensity
    operational = kwh("candidate", 2) * 207.05 / 1e7
    embodied = 1e6 * (HOURS / (5 * 365.25 * 24)) * 0.25 * 2 / 1e7
    assert found.operational == pytest.approx((operational,) * 2)
    assert found.embodied == pytest.approx((embodied,) * 2)
    assert found.gco2e_per_answer == pytest.approx((operational + embodied,) * 2)
    assert (found.boundary, found.functional_unit) == ("direct", "answer")


def test_a_load_at_a_rate_is_not_that_of_single_requests(factors: Factors) -> None:
    """Between requests that come at a rate the machine waits, which is counted by itself."""
    single = comparison().loads[0]
    dearer = {name: 9 * joules for name, joules in single.joules_per_answer.items()}
    at_rate = single.model_copy(update={"request_rate": 5.0, "joules_per_answer": dearer})
    found = account(comparison(loads=(at_rate, single)), setting(), factors)
    assert found.kwh == account(comparison(), setting(), factors).kwh
    with pytest.raises(InputError, match="one request at a time"):
        account(comparison(loads=(at_rate,)), setting(), factors)


def test_a_leap_year_is_a_day_longer(factors: Factors) -> None:
    usual, leap = (account(comparison(), setting(year=year), factors) for year in (2027, 2028))
    assert leap.kwh[0] - usual.kwh[0] == pytest.approx(1.5 * 2 * 2 * 24 / 1000)


def test_what_the_meter_may_be_wrong_by_is_in_every_figure(factors: Factors) -> None:
    sure = account(comparison(), setting(), factors)
    wide = account(comparison(scale=(0.7, 2.0)), setting(), factors)
    assert wide.kwh == pytest.approx((0.7 * sure.kwh[0], 2.0 * sure.kwh[0]))
    assert wide.avoided is not None
    assert sure.avoided is not None
    assert wide.avoided.kwh == pytest.approx((0.7 * sure.avoided.kwh[0], 2.0 * sure.avoided.kwh[1]))


def test_stated_power_of_waiting_is_taken_before_the_measured_and_is_not_scaled(
    factors: Factors,
) -> None:
    replica = {"server_share": SERVER, "idle_watts": {"value": 5.0, "source": "a data sheet"}}
    found = account(comparison(scale=(0.5, 2.0)), setting(replica=replica), factors)
    answers = 1.5 * 1e7 * 2 * JOULES["candidate"] / 3.6e6
    waiting = kwh("candidate", 2, watts=5.0) - answers
    assert found.kwh == pytest.approx((0.5 * answers + waiting, 2.0 * answers + waiting))


def test_one_that_waits_draws_no_more_than_one_that_answers(factors: Factors) -> None:
    """The least of the meter and the most of what is stated cannot both be true."""
    replica = {"server_share": SERVER, "idle_watts": {"low": 1, "high": 20, "source": "a range"}}
    found = account(comparison(scale=(0.5, 2.0)), setting(replica=replica), factors)
    mean = Service.through(0.02, 0.03).mean_seconds
    least = 1.5 * (1e7 * 0.5 * 0.5 + (2 * SECONDS - 1e7 * mean) * 1) / 3.6e6
    most = 1.5 * (1e7 * 0.5 * 2.0 + (2 * SECONDS - 1e7 * mean) * 20) / 3.6e6
    assert found.kwh == pytest.approx((least, most))
    assert found.avoided is not None
    assert found.avoided.kwh[0] > 0


def test_what_was_avoided_is_the_difference_to_the_baseline_within_the_interval(
    factors: Factors,
) -> None:
    found = account(comparison(), setting(), factors)
    assert found.avoided is not None
    answers = 1.5 * 1e7 * 2 * JOULES["baseline"] / 3.6e6
    waiting = kwh("baseline", 2) - kwh("candidate", 2) - (1 - 0.25) * answers
    low, high = comparison().loads[0].registered.ci95
    assert low < 0.25 < high
    assert found.avoided.kwh == pytest.approx(
        (waiting + (1 - high) * answers, waiting + (1 - low) * answers)
    )
    assert found.avoided.tco2e[0] == pytest.approx(found.avoided.kwh[0] * 207.05 / 1e6)
    assert any("no more often" in each for each in found.avoided.assumptions)


def test_what_was_avoided_is_netted_nowhere(factors: Factors) -> None:
    """A baseline twice as dear changes what was avoided, and no other figure."""
    cheap = comparison()
    load = cheap.loads[0]
    joules = load.joules_per_answer | {"baseline": 4.0}
    registered = load.registered.model_copy(update={"ratio": 0.125, "ci95": (0.12, 0.13)})
    changed = {"joules_per_answer": joules, "registered": registered}
    dear = cheap.model_copy(update={"loads": (load.model_copy(update=changed),)})
    usual, other = (
        account(each, setting(server_bought=2026), factors).model_dump() for each in (cheap, dear)
    )
    assert usual.pop("avoided") != other.pop("avoided")
    usual.pop("inputs"), other.pop("inputs")
    assert usual == other


def test_a_baseline_that_serves_avoided_nothing(factors: Factors) -> None:
    found = account(comparison(), setting(), factors, "baseline")
    assert found.avoided is None
    assert found.no_avoided == "The baseline itself serves."
    assert found.kwh == pytest.approx((kwh("baseline", 2),) * 2)


def test_a_baseline_that_cannot_serve_so_is_no_counterfactual(factors: Factors) -> None:
    objective = OBJECTIVE | {"latency_ms": 50}
    found = account(comparison(), setting(replicas=None, objective=objective), factors)
    assert found.capacity.replicas == 1
    assert found.avoided is None
    assert "No number of replicas of baseline brings 95%" in found.no_avoided
    assert not any("baseline" in each.name for each in found.inputs)


def test_an_objective_sets_the_replicas_of_both(factors: Factors) -> None:
    objective = {"peak_per_second": {"value": 100, "source": "counted"}, "latency_ms": 90}
    found = account(comparison(), setting(replicas=None, objective=objective), factors)
    assert found.avoided is not None
    assert found.capacity.replicas == 3
    assert found.avoided.replicas == 6
    assert found.kwh[0] == pytest.approx(kwh("candidate", 3))
    assert "100 requests a second" in found.capacity.basis


def test_cost_is_electricity_on_ones_own_site_and_hours_in_a_cloud(factors: Factors) -> None:
    bill = kwh("candidate", 2) * 0.2 / 10
    assert account(comparison(), setting(), factors).cost_per_million == pytest.approx((bill,) * 2)
    replica = {"server_share": SERVER, "hourly_price": {"value": 0.1, "source": "a list"}}
    rent = 2 * HOURS * 0.1 / 10
    owned = account(comparison(), setting(replica=replica), factors)
    assert owned.cost_per_million == pytest.approx((bill + rent,) * 2)
    cloud = account(comparison(), setting(replica=replica, site="cloud"), factors)
    assert cloud.cost_per_million == pytest.approx((rent,) * 2)
    unpriced = account(comparison(), setting(site="cloud"), factors)
    assert unpriced.cost_per_million is None
    assert "replica.hourly_price" in unpriced.cost_basis


def test_every_input_is_labelled_with_its_source(factors: Factors) -> None:
    found = account(comparison(scale=(0.7, 2.0)), setting(), factors)
    by_name = {each.name: each for each in found.inputs}
    assert all(each.source for each in found.inputs)
    energy = by_name["Energy per answer of candidate, one request at a time"]
    assert (energy.low, energy.high, energy.origin) == (0.7 * 0.5, 2.0 * 0.5, "modeled")
    assert by_name["Answers per year"].origin == "measured"
    assert by_name["Grid of GB, direct"].licence == "Open Government Licence v3.0"
    assert by_name["Grid of GB, direct"].year == 2024
    assert by_name["Mean time of an answer of candidate"].origin == "modeled"
    assert not any("DE" in name for name in by_name)
    measured = {each.origin for each in account(comparison(), setting(), factors).inputs[:1]}
    assert measured == {"measured"}


def every_range(accounts: Accounts) -> list[tuple[float, float]]:
    intensity, avoided = accounts.intensity, accounts.avoided
    assert avoided is not None
    lines = [line.tco2e for line in accounts.inventory if line.tco2e]
    return [
        accounts.kwh,
        intensity.operational,
        intensity.embodied,
        intensity.gco2e_per_answer,
        accounts.capacity.busy,
        avoided.kwh,
        avoided.tco2e,
        *([accounts.cost_per_million] if accounts.cost_per_million else []),
        *lines,
        *(each.value for each in accounts.disclosures if each.value),
    ]


@st.composite
def settings(draw: st.DrawFn) -> Setting:
    def stated(least: float, most: float) -> dict[str, Any]:
        low, high = sorted(draw(st.floats(least, most)) for _ in range(2))
        return {"low": low, "high": high, "source": "drawn"}

    return setting(
        site=draw(st.sampled_from(["owned", "cloud"])),
        answers_per_year=stated(1e3, 1e8),
        replicas=draw(st.integers(5, 50)),
        server_bought=2026,
        replica={
            "server_share": stated(0.01, 1.0),
            "idle_watts": stated(0.1, 20.0),
            "hourly_price": stated(0.01, 10.0),
        },
    )


@rules(deadline=None, max_examples=30)
@given(settings(), st.floats(0.1, 1.0), st.floats(1.0, 3.0))
def test_every_figure_stays_in_order(stated: Setting, least: float, most: float) -> None:
    british = SHIPPED.model_copy(update={"region": "GB", "boundary": "direct"})
    found = account(comparison(scale=(least, most)), stated, british)
    for low, high in every_range(found):
        assert low <= high


@rules(deadline=None, max_examples=30)
@given(settings(), st.integers(2, 5))
def test_twice_the_volume_on_twice_the_replicas_is_twice_of_all(
    stated: Setting, times: int
) -> None:
    answers = stated.answers_per_year
    wider = {"low": answers.low * times, "high": answers.high * times}
    more = stated.model_copy(
        update={
            "answers_per_year": answers.model_copy(update=wider),
            "replicas": (stated.replicas or 0) * times,
        }
    )
    one, many = (account(comparison(), each, SHIPPED) for each in (stated, more))
    assert many.kwh == pytest.approx([end * times for end in one.kwh])
    assert many.intensity.gco2e_per_answer == pytest.approx(one.intensity.gco2e_per_answer)
    assert many.cost_per_million == pytest.approx(one.cost_per_million)
    for mine, other in zip(one.inventory, many.inventory, strict=True):
        assert (mine.tco2e is None) == (other.tco2e is None)
        if mine.tco2e and other.tco2e:
            assert other.tco2e == pytest.approx([end * times for end in mine.tco2e])


@pytest.mark.parametrize(
    ("changes", "stated", "named"),
    [
        ({"checks": ()}, {}, "not valid"),
        ({"loads": ()}, {}, "one request at a time"),
        ({"idle_watts": None}, {}, "state replica.idle_watts"),
        (
            {},
            {"replica": {"server_share": SERVER, "idle_watts": {"value": 90, "source": "x"}}},
            "90 W, and one that answers draws 24.3 W",
        ),
        ({}, {"answers_per_year": {"value": 1e10, "source": "x"}}, "2 replicas of candidate"),
        (
            {},
            {"replicas": None, "objective": OBJECTIVE | {"latency_ms": 25}},
            "No number of replicas of candidate",
        ),
        (
            {},
            {
                "replicas": None,
                "objective": OBJECTIVE | {"peak_per_second": {"value": 0.1, "source": "x"}},
            },
            "below the mean of the year",
        ),
        (
            {},
            {
                "replicas": None,
                "objective": OBJECTIVE | {"peak_per_second": {"value": 1e12, "source": "x"}},
            },
            "accounts go to 10,000; correct peak_per_second",
        ),
    ],
)
def test_what_the_evidence_or_the_setting_cannot_carry_is_refused(
    factors: Factors, changes: dict[str, Any], stated: dict[str, Any], named: str
) -> None:
    with pytest.raises(InputError, match=named):
        account(comparison(**changes), setting(**stated), factors)


def test_servers_are_not_bought_after_they_served() -> None:
    with pytest.raises(ValueError, match="servers bought in 2027 do not serve in 2026"):
        setting(server_bought=2027)


def test_a_form_that_was_not_measured_is_refused_by_name(factors: Factors) -> None:
    with pytest.raises(InputError, match=r"there are baseline, candidate\.$"):
        account(comparison(), setting(), factors, "another")
