"""Requests that come whether or not the last one is answered, as those of many users do.

Who waits for an answer before asking again asks a slow server less, and never sees its worst waits
("coordinated omission", https://github.com/giltene/wrk2). So requests are due at times drawn
beforehand, and how long one takes counts from there, not from its sending.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEAST_REQUESTS = 2
KEPT_UP = 0.95
"""Share of the planned rate from which on it counts as achieved."""


def arrival_times(requests: int, rate: float, seed: int) -> "NDArray[np.float64]":
    """When so many requests are due, in seconds from the first, shape (requests,), ascending.

    Those of a Poisson process, given that its last one falls where ``rate`` puts it: the gaps are
    exponential, scaled so that their mean is exactly ``1 / rate``. Every model then gets equal
    work in equal time.

    Args:
        requests: at least two.
        rate: requests per second.
        seed: the same seed gives the same times.
    """
    import numpy as np

    gaps = np.random.default_rng(seed).exponential(size=requests - 1)
    due = np.concatenate([[0.0], np.cumsum(gaps)])
    times: NDArray[np.float64] = due * ((requests - 1) / rate / due[-1])
    return times


@dataclass
class Outcome:
    """What became of one request.

    Attributes:
        rows: that were answered; 0 where it was not asked or failed.
        done_seconds: when it was, from when the first request was due; None where it never was.
        failure: why it failed, where it did.
    """

    rows: int = 0
    done_seconds: float | None = None
    failure: str | None = None


def ask_at(
    due: Sequence[float],
    ask: Callable[[int], int],
    *,
    at_once: int,
    give_up_seconds: float,
) -> list[Outcome]:
    """Ask each request when it is due, or as soon after as one of ``at_once`` askers is free.

    Args:
        due: seconds from now, ascending.
        ask: asks the request of a number; how many rows it answered. What it raises is an outcome.
        at_once: how many requests may be under way together. With one, the caller's own thread
            asks, since a thread pool of torch belongs to the thread that asks.
        give_up_seconds: from now; what was not begun by then is left unasked.
    """
    started = time.perf_counter()
    outcomes = [Outcome() for _ in due]

    def one(number: int) -> None:
        outcome = outcomes[number]
        if time.perf_counter() - started > give_up_seconds:
            return
        try:
            outcome.rows = ask(number)
        except Exception as error:
            outcome.failure = f"{type(error).__name__}: {error}"
        else:
            outcome.done_seconds = time.perf_counter() - started

    with ThreadPoolExecutor(at_once) as pool:
        for number, moment in enumerate(due):
            time.sleep(max(0.0, started + moment - time.perf_counter()))
            if at_once == 1:
                one(number)
            else:
                pool.submit(one, number)
    return outcomes


def achieved_rate(done_seconds: Sequence[float]) -> float | None:
    """Answers per second between the first and the last, in requests; None where there is no such.

    The time of one answer is left out, so that long answers are not taken for too few.
    """
    if len(done_seconds) < 2 or max(done_seconds) <= min(done_seconds):
        return None
    return (len(done_seconds) - 1) / (max(done_seconds) - min(done_seconds))


class AtRate(NamedTuple):
    """What a worker reports of a window of requests that came at a given rate."""

    rate: float
    """Requests per second, as planned."""
    achieved_rate: float | None
    """Requests answered per second; None where fewer than two were."""
    latencies_ms: list[float | None]
    """Of each request, from when it was due; None where it was not answered."""
    answers: int
    """Rows answered with finite probabilities."""
    planned: int
    """Rows of all requests."""
    failure: str | None
    """Why the first request that failed did so."""
    wall_seconds: float
    cpu_seconds: float
    peak_rss_bytes: int
    """Peak since the worker started."""

    @property
    def overloaded(self) -> bool:
        """Whether requests came faster than they were answered, so that their wait only grew."""
        kept_up = self.achieved_rate is not None and self.achieved_rate >= self.rate * KEPT_UP
        return None in self.latencies_ms or not kept_up

    def percentile_ms(self, percent: float) -> float | None:
        """A percentile of the latencies; None under overload, where it tells but of the window."""
        if self.overloaded:
            return None
        import numpy as np

        return float(np.percentile(np.array(self.latencies_ms, dtype=float), percent))

    def sentence(self) -> str:
        """How the model stood the load, for a reader."""
        answered = sum(latency is not None for latency in self.latencies_ms)
        said = f" The first failure: {self.failure}." if self.failure else ""
        if self.overloaded:
            achieved = "none" if self.achieved_rate is None else f"{self.achieved_rate:.3g}"
            return (
                f"Of {self.rate:.3g} requests per second {achieved} were answered: overloaded, "
                f"{answered} of {len(self.latencies_ms)} requests in {self.wall_seconds:.1f} s."
                f"{said}"
            )
        p50, p95 = self.percentile_ms(50), self.percentile_ms(95)
        return (
            f"{self.rate:.3g} requests per second were asked and {self.achieved_rate:.3g} answered,"
            f" p50 {p50:.3g} ms and p95 {p95:.3g} ms from when they were due."
        )


def together(windows: Sequence[AtRate]) -> AtRate:
    """Windows of one model at one rate as one, of their requests and their times of answering.

    A window has few requests where the rate is low, and a moment's delay of its last is a large
    part of its time. Over all windows such delays cancel, and what grows with the load is left.

    Args:
        windows: at least one.
    """
    answered = [sum(latency is not None for latency in each.latencies_ms) for each in windows]
    gaps = [
        (count - 1, each.achieved_rate)
        for count, each in zip(answered, windows, strict=True)
        if each.achieved_rate is not None
    ]
    return AtRate(
        rate=windows[0].rate,
        achieved_rate=(
            sum(count for count, _ in gaps) / sum(count / rate for count, rate in gaps)
            if gaps
            else None
        ),
        latencies_ms=[latency for each in windows for latency in each.latencies_ms],
        answers=sum(each.answers for each in windows),
        planned=sum(each.planned for each in windows),
        failure=next((each.failure for each in windows if each.failure), None),
        wall_seconds=sum(each.wall_seconds for each in windows),
        cpu_seconds=sum(each.cpu_seconds for each in windows),
        peak_rss_bytes=max(each.peak_rss_bytes for each in windows),
    )
