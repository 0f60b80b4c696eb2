"""Replicas for an objective: the formulas against known values, and against a simulation."""

import heapq

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leanstage.accounts.capacity import Service, late_share, replicas_needed, waiting_share


@pytest.mark.parametrize(
    ("replicas", "offered", "share"),
    # One server waits as often as it is busy; the others are in tables of Erlang's C formula.
    [(1, 0.3, 0.3), (1, 0.9, 0.9), (2, 1.0, 1 / 3), (3, 2.0, 4 / 9), (10, 8.0, 0.4092)],
)
def test_erlangs_formula(replicas: int, offered: float, share: float) -> None:
    assert waiting_share(replicas, offered) == pytest.approx(share, abs=1e-4)


def test_what_cannot_be_answered_is_late() -> None:
    service = Service.through(0.02, 0.03)
    assert late_share(1e6, 2, 2 / service.mean_seconds, service) == 1.0
    assert late_share(1e6, 2, 1.99 / service.mean_seconds, service) == pytest.approx(0.0)


def test_the_service_goes_through_both_percentiles() -> None:
    times = Service.through(0.02, 0.03).quantiles_seconds()
    assert np.median(times) == pytest.approx(0.02, rel=1e-3)
    assert np.percentile(times, 95) == pytest.approx(0.03, rel=1e-2)
    equal = Service.through(0.02, 0.02)
    assert equal.squared_variation == 0.0
    assert equal.mean_seconds == 0.02


def simulated(service: Service, replicas: int, per_second: float, seconds: float) -> float:
    """Share of late answers of 200,000, first come first served."""
    draw = np.random.default_rng(7)
    arrivals = np.cumsum(draw.exponential(1 / per_second, 200_000))
    times = service.median_seconds * np.exp(service.sigma * draw.standard_normal(200_000))
    free = [0.0] * replicas
    late = 0
    for arrival, time in zip(arrivals.tolist(), times.tolist(), strict=True):
        ended = max(arrival, heapq.heappop(free)) + time
        heapq.heappush(free, ended)
        late += ended - arrival > seconds
    return late / 200_000


@pytest.mark.parametrize(
    ("p95", "per_second"), [(0.030, 60.0), (0.030, 100.0), (0.060, 60.0), (0.021, 100.0)]
)
def test_a_simulation_agrees(p95: float, per_second: float) -> None:
    """The replicas that the formula asks for keep the objective, and one fewer does not."""
    service = Service.through(0.02, p95)
    objective = 2.0 * p95
    needed = replicas_needed(objective, 0.95, per_second, service)
    assert needed is not None
    assert simulated(service, needed, per_second, objective) <= 0.055
    assert simulated(service, needed - 1, per_second, objective) > 0.05


def test_the_formula_is_close_to_the_simulation() -> None:
    service = Service.through(0.02, 0.03)
    for replicas, objective in ((2, 0.06), (3, 0.04), (3, 0.03)):
        formula = late_share(objective, replicas, 70.0, service)
        assert formula == pytest.approx(simulated(service, replicas, 70.0, objective), abs=0.02)


def test_no_number_of_replicas_makes_an_answer_shorter() -> None:
    service = Service.through(0.02, 0.03)
    assert replicas_needed(0.029, 0.95, 1.0, service) is None
    assert replicas_needed(0.031, 0.95, 1.0, service) == 1


@settings(deadline=None)
@given(
    st.floats(0.001, 0.5),
    st.floats(1.0, 4.0),
    st.floats(0.01, 500.0),
    st.floats(1.1, 20.0),
    st.floats(1.0, 3.0),
)
def test_more_is_asked_of_more_requests_and_of_a_shorter_objective(
    p50: float, spread: float, per_second: float, times: float, more: float
) -> None:
    service = Service.through(p50, p50 * spread)
    seconds = p50 * spread * times
    needed = replicas_needed(seconds, 0.95, per_second, service)
    assert needed is not None
    assert late_share(seconds, needed, per_second, service) <= 0.05
    # No fewer would do, and that number can keep up at all.
    assert late_share(seconds, needed - 1, per_second, service) > 0.05 if needed > 1 else True
    assert needed > per_second * service.mean_seconds
    assert (replicas_needed(seconds, 0.95, per_second * more, service) or 0) >= needed
    assert (replicas_needed(seconds * more, 0.95, per_second, service) or 0) <= needed
    assert replicas_needed(seconds, 0.95, per_second, service, needed + 3) == needed + 3
