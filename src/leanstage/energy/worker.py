"""The resident worker: holds one model and answers commands as JSON lines.

Run as ``python -m leanstage.energy.worker``. Each line on stdin is ``{"command": ..., ...}``; each
gets one line back, ``{"ok": true, "reply": ...}`` or ``{"ok": false, "error": ...}``. It ends when
its stdin does, so that it cannot outlive its parent.

The worker reports its own time: a parent sees a live child's CPU time as zero until it is joined.
"""

import importlib
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, TextIO, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from leanstage.energy.arrivals import LEAST_REQUESTS, achieved_rate, arrival_times, ask_at

DEFAULT_LOADER = "leanstage.variant.predictor:load_predictor"

_SETTLED_SPREAD = 0.05
_WARM_UP_SLICE_SECONDS = 0.1


class Predictor(Protocol):
    """Anything that gives, for n texts, float32 probabilities of shape (n, classes)."""

    def predict(self, texts: Sequence[str]) -> NDArray[np.float32]: ...


@runtime_checkable
class Writes(Predictor, Protocol):
    """A predictor whose answers are written, and which can be asked to read a prompt alone."""

    def read(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """As ``predict``, with one token for an answer."""
        ...


@runtime_checkable
class Served(Protocol):
    """A predictor that lets a server answer, whose work is the model's as well."""

    at_once: int
    """Requests that the server may have before it at a time."""
    shared: bool
    """Another worker may ask the same server, so that it works while this one waits."""

    def cpu_seconds(self) -> float:
        """Processor time of the server so far."""
        ...

    def rss_bytes(self) -> int:
        """Resident memory of the server now."""
        ...

    def close(self) -> None:
        """Stop the server."""
        ...


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
        return _cpu_seconds() + (self._served.cpu_seconds() if self._served else 0.0)

    def idle_cpu_seconds(self) -> float:
        """The same without a server that others ask as well: this worker may wait as it works."""
        if self._served and self._served.shared:
            return _cpu_seconds()
        return self.cpu_seconds()

    def close(self) -> None:
        """Stop the server that answers, where there is one."""
        if self._served:
            self._served.close()

    def _begin(self) -> tuple[float, float]:
        """Wall and processor seconds at the beginning of a window."""
        _synchronize()
        cpu_started = self.cpu_seconds()
        return time.perf_counter(), cpu_started

    def _spent(self, begun: tuple[float, float]) -> dict[str, Any]:
        """What a window took."""
        _synchronize()
        wall_seconds = time.perf_counter() - begun[0]
        return {
            "wall_seconds": wall_seconds,
            "cpu_seconds": self.cpu_seconds() - begun[1],
            "peak_rss_bytes": _peak_rss_bytes() + (self._served.rss_bytes() if self._served else 0),
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


def _synchronize() -> None:
    """Wait for a GPU to finish, so that what was asked in a window is paid in it."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.synchronize()


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _peak_rss_bytes() -> int:
    """Peak resident memory of this program.

    ``ru_maxrss`` survives ``exec`` and would be the parent's where that is the larger, so the
    kernel's per-program figure is read.
    """
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("/proc/self/status states no VmHWM")


def serve(requests: TextIO, replies: TextIO) -> None:
    """Answer commands until the end of ``requests``.

    Every reply carries what the worker spent while it waited: a thread pool that spins between
    windows would be charged to whichever arm is active.
    """
    worker = Worker()
    commands: dict[str, Callable[..., dict[str, Any]]] = {
        "load": worker.load,
        "prepare": worker.prepare,
        "warm_up": worker.warm_up,
        "run": worker.run,
        "wait": worker.wait,
        "one_by_one": worker.one_by_one,
        "at_rate": worker.at_rate,
    }
    while True:
        idle_cpu, idle_wall = worker.idle_cpu_seconds(), time.perf_counter()
        line = requests.readline()
        idle_wall = time.perf_counter() - idle_wall
        if not line:
            worker.close()
            return
        idle_cpu = worker.idle_cpu_seconds() - idle_cpu
        arguments = json.loads(line)
        command = arguments.pop("command")
        answer: dict[str, Any]
        try:
            reply = commands[command](**arguments)
            reply |= {"idle_cpu_seconds": idle_cpu, "idle_wall_seconds": idle_wall}
            answer = {"ok": True, "reply": reply}
        except Exception as error:
            answer = {"ok": False, "error": f"{type(error).__name__}: {error}"}
        replies.write(json.dumps(answer) + "\n")
        replies.flush()


def main() -> None:
    """Keep stdin and stdout for the protocol; what libraries print goes to stderr."""
    requests = os.fdopen(os.dup(0), "r", encoding="utf-8")
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    with Path(os.devnull).open(encoding="utf-8") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    serve(requests, replies)
    # All is said; to take torch down in order costs as much processor time as a window.
    os._exit(0)


if __name__ == "__main__":
    main()
