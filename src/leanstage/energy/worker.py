"""One model and what is asked of it, each command a window or what comes before one.

The worker reports its own time: a parent sees a live child's CPU time as zero until it is joined.
"""

import importlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from leanstage.energy.arrivals import LEAST_REQUESTS, achieved_rate, arrival_times, ask_at
from leanstage.energy.predictors import DEFAULT_LOADER, Predictor, Served, Writes
from leanstage.energy.spent import cpu_seconds, peak_rss_bytes, synchronize

_SETTLED_SPREAD = 0.05
_WARM_UP_SLICE_SECONDS = 0.1


class Worker:
    """One model and the rows it is asked about; each public method is a command."""

    def __init__(self) -> None:
        self._predictor: Predictor | None = None
        self._served: Served | None = None
        self._batches: list[list[str]] = []

    def load(self, path: str, loader: str = DEFAULT_LOADER) -> dict[str, Any]:
        """Load the model in ``path`` with ``loader`` (``module:function``); time the call."""
        module, _, function = loader.partition(":")
        load: Callable[[Path], Any] = getattr(importlib.import_module(module), function)
        started = time.perf_counter()
        self._predictor = predictor = load(Path(path))
        self._served = predictor if isinstance(predictor, Served) else None
        return {"load_seconds": time.perf_counter() - started}

    def prepare(self, texts: list[str], batch_size: int) -> dict[str, Any]:
        """Take the rows of the next windows, and wake up on one batch."""
        self._batches = [texts[i : i + batch_size] for i in range(0, len(texts), batch_size)]
        self._answer(self._batches[0], reading=isinstance(self._predictor, Writes))
        return {}

    def warm_up(self, max_seconds: float, least_batches: int) -> dict[str, Any]:
        """Answer the prepared rows until three successive throughputs agree within 5%.

        It gives up after ``max_seconds``, once it answered ``least_batches``.
        """
        iterations = 0
        spread = float("inf")
        throughputs: list[float] = []
        started = time.perf_counter()
        while iterations < least_batches or spread > _SETTLED_SPREAD:
            answers = 0
            slice_started = time.perf_counter()
            while time.perf_counter() - slice_started < _WARM_UP_SLICE_SECONDS:
                answers += sum(self._answer(batch) for batch in self._batches)
                iterations += len(self._batches)
            now = time.perf_counter()
            throughputs = [*throughputs[-2:], answers / (now - slice_started)]
            if len(throughputs) == 3 and min(throughputs) > 0:
                spread = max(throughputs) / min(throughputs) - 1
            if now - started > max_seconds and iterations >= least_batches:
                break
        for text in self._batches[0][:2]:
            self._answer([text])
        return {"iterations": iterations, "settled": spread <= _SETTLED_SPREAD}

    def wait(self) -> dict[str, Any]:
        """Do nothing: what every reply says of the time before it is all that is asked for."""
        return {}

    def run(self, min_seconds: float, min_answers: int, reading: bool = False) -> dict[str, Any]:
        """One window: whole passes over the prepared rows, so that every arm does equal work.

        Only rows whose probabilities are all finite count as answered. While ``reading``, an answer
        ends after its first token.
        """
        rows = sum(len(batch) for batch in self._batches)
        answers = passes = 0
        begun = self._begin()
        while passes * rows < min_answers or time.perf_counter() - begun[0] < min_seconds:
            answers += sum(self._answer(batch, reading) for batch in self._batches)
            passes += 1
        return {"answers": answers, "passes": passes, **self._spent(begun)}

    def one_by_one(self, min_calls: int, min_seconds: float) -> dict[str, Any]:
        """One window of single-row calls on the prepared rows, with the milliseconds of each.

        Every call counts; whether what it says can be used, :meth:`run` tells of the same rows.
        """
        texts = [text for batch in self._batches for text in batch]
        milliseconds: list[float] = []
        begun = self._begin()
        before = begun[0]
        while len(milliseconds) < min_calls or before - begun[0] < min_seconds:
            self._answer([texts[len(milliseconds) % len(texts)]])
            after = time.perf_counter()
            milliseconds.append((after - before) * 1e3)
            before = after
        spent = self._spent(begun)
        return {**spent, "milliseconds": milliseconds, "wall_seconds": before - begun[0]}

    def at_rate(self, rate: float, seconds: float, seed: int) -> dict[str, Any]:
        """One window of requests, each a prepared batch, due ``rate`` times a second on average.

        It lasts until all are answered, and at least as long as so many take at that rate: waiting
        for the next request is part of what an answer costs. What could not be begun within twice
        that time is left unasked.
        """
        batches = self._batches
        requests = max(LEAST_REQUESTS, round(rate * seconds))
        due = arrival_times(requests, rate, seed).tolist()
        seconds = requests / rate
        begun = self._begin()
        outcomes = ask_at(
            due,
            lambda number: self._answer(batches[number % len(batches)]),
            at_once=self._served.at_once if self._served else 1,
            give_up_seconds=2 * seconds,
        )
        time.sleep(max(0.0, begun[0] + seconds - time.perf_counter()))
        spent = self._spent(begun)
        done = [outcome.done_seconds for outcome in outcomes]
        return {
            "requests": requests,
            "planned": sum(len(batches[number % len(batches)]) for number in range(requests)),
            "answers": sum(outcome.rows for outcome in outcomes),
            "latencies_ms": [
                None if at is None else (at - scheduled) * 1e3
                for at, scheduled in zip(done, due, strict=True)
            ],
            "achieved_rate": achieved_rate([at for at in done if at is not None]),
            "failure": next((each.failure for each in outcomes if each.failure), None),
            **spent,
        }

    def cpu_seconds(self) -> float:
        """Processor time of this process and of a server that answers for it."""
        return cpu_seconds() + (self._served.cpu_seconds() if self._served else 0.0)

    def idle_cpu_seconds(self) -> float:
        """The same without a server that others ask as well: this worker may wait as it works."""
        if self._served and self._served.shared:
            return cpu_seconds()
        return self.cpu_seconds()

    def close(self) -> None:
        """Stop the server that answers, where there is one."""
        if self._served:
            self._served.close()

    def _begin(self) -> tuple[float, float]:
        """Wall and processor seconds at the beginning of a window."""
        synchronize()
        cpu_started = self.cpu_seconds()
        return time.perf_counter(), cpu_started

    def _spent(self, begun: tuple[float, float]) -> dict[str, Any]:
        """What a window took."""
        synchronize()
        wall_seconds = time.perf_counter() - begun[0]
        return {
            "wall_seconds": wall_seconds,
            "cpu_seconds": self.cpu_seconds() - begun[1],
            "peak_rss_bytes": peak_rss_bytes() + (self._served.rss_bytes() if self._served else 0),
        }

    def _answer(self, batch: list[str], reading: bool = False) -> int:
        if self._predictor is None:
            raise RuntimeError("no model is loaded")
        if not reading:
            answered = self._predictor.predict(batch)
        elif isinstance(self._predictor, Writes):
            answered = self._predictor.read(batch)
        else:
            raise RuntimeError("the model does not write")
        probabilities = np.asarray(answered)
        return int(np.isfinite(probabilities).all(axis=-1).sum())
