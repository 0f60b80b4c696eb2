"""Latencies count from when a request was due, and what is too much is said to be."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from leanstage.energy.arrivals import AtRate, arrival_times, ask_at, together
from leanstage.energy.resident import ResidentWorker

TEXTS = [f"text {i}" for i in range(20)]


def test_the_gaps_are_those_of_a_poisson_process() -> None:
    due = arrival_times(4000, 50.0, seed=3)
    gaps = np.diff(due)
    assert due[0] == 0.0
    assert (gaps > 0).all()
    assert gaps.mean() == pytest.approx(1 / 50, rel=1e-9)
    assert stats.kstest(gaps, stats.expon(scale=1 / 50).cdf).pvalue > 0.01
    assert abs(np.corrcoef(gaps[1:], gaps[:-1])[0, 1]) < 0.05


def test_a_seed_gives_every_model_the_same_times() -> None:
    assert arrival_times(100, 9.0, 1).tolist() == arrival_times(100, 9.0, 1).tolist()
    assert arrival_times(100, 9.0, 1).tolist() != arrival_times(100, 9.0, 2).tolist()


@pytest.mark.parametrize("at_once", [1, 8])
def test_a_stall_is_paid_by_all_who_came_in_it(at_once: int) -> None:
    """Of a closed loop one answer would be slow: the others would have been asked after it."""

    def ask(number: int) -> int:
        if number == 0 or at_once > 1:
            time.sleep(0.3)
        return 1

    due = [0.02 * number for number in range(10)]
    outcomes = ask_at(due, ask, at_once=at_once, give_up_seconds=5.0)
    waited = [(outcome.done_seconds or 0.0) - at for outcome, at in zip(outcomes, due, strict=True)]
    if at_once == 1:
        assert all(wait >= 0.3 - at for wait, at in zip(waited, due, strict=True))
    else:
        assert min(waited) >= 0.3, "each takes its time"
        assert waited[8] >= 0.6 - due[8], "the ninth waits until an asker is free"
    assert all(outcome.rows == 1 for outcome in outcomes)


def test_what_fails_and_what_is_left_unasked_is_told_apart() -> None:
    def ask(number: int) -> int:
        if number == 1:
            raise ValueError("no such row")
        time.sleep(0.1)
        return 1

    failed, left = ask_at([0.0, 0.0, 0.0, 0.0], ask, at_once=1, give_up_seconds=0.15)[1::2]
    assert (failed.rows, failed.done_seconds, failed.failure) == (
        0,
        None,
        "ValueError: no such row",
    )
    assert (left.rows, left.done_seconds, left.failure) == (0, None, None)


def test_a_load_that_is_met(make_variant: Callable[..., Path]) -> None:
    with ResidentWorker("candidate") as worker:
        worker.load(make_variant("candidate"), "tiny_predictor:sleeping")
        worker.prepare(TEXTS, 2)
        found = worker.at_rate(10.0, 2.0, seed=0)
    assert found.answers == found.planned == 40
    assert len(found.latencies_ms) == 20
    assert found.wall_seconds >= 2.0
    assert found.cpu_seconds > 0
    assert min(latency or 0.0 for latency in found.latencies_ms) >= 10, "two rows of 5 ms each"
    assert found.achieved_rate is not None
    assert found.achieved_rate > 4.0


def test_a_load_that_is_too_much(make_variant: Callable[..., Path]) -> None:
    with ResidentWorker("candidate") as worker:
        worker.load(make_variant("candidate"), "tiny_predictor:sleeping")
        worker.prepare(TEXTS, 10)
        found = worker.at_rate(200.0, 0.5, seed=0)
    assert found.overloaded
    assert found.achieved_rate is not None
    assert found.achieved_rate < 20.5, "ten rows of 5 ms each"
    assert 0 < found.answers < found.planned == 1000
    assert found.latencies_ms[-1] is None
    assert found.wall_seconds < 2.0, "it gives up"
    assert found.percentile_ms(50) is None
    assert "overloaded" in found.sentence()


def window(achieved_rate: float, latencies_ms: list[float | None]) -> AtRate:
    """Of ten requests a second."""
    return AtRate(
        rate=10.0,
        achieved_rate=achieved_rate,
        latencies_ms=latencies_ms,
        answers=len(latencies_ms),
        planned=len(latencies_ms),
        failure=None,
        wall_seconds=len(latencies_ms) / 8,
        cpu_seconds=1.0,
        peak_rss_bytes=1,
    )


def test_a_delay_in_one_window_is_no_overload_of_all() -> None:
    """Three requests, the last of which took 50 ms more or less than the first."""
    late, early = window(2 / 0.25, [20, 20, 70]), window(2 / 0.15, [70, 20, 20])
    assert late.overloaded
    both = together([late, early, late, early])
    assert both.achieved_rate == pytest.approx(10.0)
    assert not both.overloaded
    assert both.percentile_ms(50) == 20
    assert together([late, late]).overloaded
    assert together([early, early._replace(latencies_ms=[70, 20, None])]).overloaded


def test_growing_waits_are_overload_though_all_is_answered() -> None:
    grows = window(8.0, [100.0 + 25 * number for number in range(100)])
    assert grows.overloaded
    assert grows.sentence() == (
        "Of 10 requests per second 8 were answered: overloaded, 100 of 100 requests in 12.5 s."
    )
    stands = grows._replace(achieved_rate=9.9, latencies_ms=[20.0] * 95 + [80.0] * 5)
    assert not stands.overloaded
    assert stands.sentence() == (
        "10 requests per second were asked and 9.9 answered, p50 20 ms and p95 23 ms from when "
        "they were due."
    )
