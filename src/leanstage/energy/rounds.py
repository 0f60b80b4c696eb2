"""The rounds of a comparison: who answers when, and what the meter reads meanwhile."""

import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from leanstage.contracts import Idle, Window
from leanstage.energy.cpu import machine_cpu_seconds
from leanstage.energy.evidence import Record
from leanstage.energy.loads import SINGLE, LoadKind
from leanstage.energy.meters import Meter, MeterError, Usage
from leanstage.energy.pace import Pace, Progress, window_seconds
from leanstage.energy.resident import ResidentWorker
from leanstage.energy.schedule import Block, least_answers

LEAST_WARM_UP_PASSES = 10
_LEAST_CALLS = 2
"""Single calls of a block, whose times over all blocks make the percentiles."""
_LEAST_CPU_SECONDS = 1e-9
"""A worker at rest may have used no time at all, which an estimate takes for a failure."""


class Steps:
    """Counts steps of about equal weight for the progress callback."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._total = total
        self._begun = 0
        self._progress = progress

    def begin(self, what: str) -> None:
        """Tell what comes next."""
        if self._progress is not None:
            self._progress(what, self._begun / self._total)
        self._begun += 1


class _Reply(Protocol):
    """What a worker says of a window."""

    @property
    def answers(self) -> int: ...
    @property
    def planned(self) -> int: ...
    @property
    def wall_seconds(self) -> float: ...
    @property
    def cpu_seconds(self) -> float: ...


_R = TypeVar("_R", bound=_Reply)


def measure(
    folders: Mapping[str, Path],
    texts: Sequence[str],
    plan: Sequence[Block],
    meter: Meter,
    pace: Pace,
    *,
    loader: str,
    progress: Progress | None,
) -> Record:
    """Start the workers, run the plan, stop the workers whatever happens.

    Raises:
        MeterError: the meter failed or read no energy.
        WorkerError: a worker failed, died, or fell silent.
    """
    record = Record()
    steps = Steps(len(folders) * (2 + len(plan)), progress)
    with ExitStack() as stack:
        workers: dict[str, ResidentWorker] = {}
        for name, folder in folders.items():
            steps.begin(f"load {name}")
            workers[name] = stack.enter_context(ResidentWorker(name))
            record.load_seconds[name] = workers[name].load(folder, loader)
        for name, worker in workers.items():
            steps.begin(f"warm up {name}")
            worker.prepare([texts[row] for row in plan[0].rows], pace.batch_size)
            passes = LEAST_WARM_UP_PASSES / (pace.tokens_per_answer or 1)
            record.warm_ups[name] = worker.warm_up(pace.warm_up_seconds, math.ceil(passes))
        for number, block in enumerate(plan):
            # Once a pair of blocks, before it, so that rest drifts as work does.
            if number % 2 == 0:
                _rest(workers.values(), meter, pace.window_seconds, number, record)
            rows = [texts[row] for row in block.rows]
            for name in block.order:
                steps.begin(f"block {number + 1} of {len(plan)}: {name}")
                workers[name].prepare(rows, pace.batch_size)
                least = least_answers(pace.tokens_per_answer)
                ask = partial(workers[name].run, pace.window_seconds, least)
                run, window = _metered(meter, name, number, ask, pace)
                record.runs[name].append(run)
                record.windows.append(window)
            for kind in pace.beside:
                for name in block.order:
                    window = _beside(kind, workers[name], rows, number, meter, pace, record)
                    record.beside[kind].append(window)
        record.idle_shares = {name: worker.idle_share for name, worker in workers.items()}
    return record


def _beside(
    kind: LoadKind,
    worker: ResidentWorker,
    rows: Sequence[str],
    number: int,
    meter: Meter,
    pace: Pace,
    record: Record,
) -> Window:
    """One window at a load that is not judged; single rows are those that were just asked."""
    if kind == SINGLE:
        worker.one_by_one(1)
        seconds = window_seconds(kind, meter, pace)
        least = max(least_answers(pace.tokens_per_answer), _LEAST_CALLS)
        single = partial(worker.one_by_one, least, seconds)
        calls, window = _metered(meter, worker.name, number, single, pace)
        record.latencies_ms[worker.name] += calls.milliseconds
        return window
    if kind.request_rate:
        worker.prepare(rows, kind.batch_size)
        seconds = window_seconds(kind, meter, pace)
        at_rate = partial(worker.at_rate, kind.request_rate / kind.batch_size, seconds, number)
        found, window = _metered(meter, worker.name, number, at_rate, pace)
        record.at_rate[worker.name].append(found)
        return window
    # Whole batches alone, so that every call is one of the load.
    whole = len(rows) // kind.batch_size * kind.batch_size
    worker.prepare(rows[:whole], kind.batch_size)
    reading = kind.tokens_per_answer is not None
    least = least_answers(kind.tokens_per_answer or pace.tokens_per_answer)
    batches = partial(worker.run, pace.window_seconds, least, reading=reading)
    run, window = _metered(meter, worker.name, number, batches, pace)
    record.runs[worker.name].append(run)
    return window


def _metered(
    meter: Meter, arm: str, block: int, ask: Callable[[], _R], pace: Pace
) -> tuple[_R, Window]:
    """What a worker replies, and what the meter and the kernel say of the same time."""
    # A meter may keep quiet first, which is no part of the window.
    meter.begin_window()
    before = machine_cpu_seconds()
    reply = ask()
    after = machine_cpu_seconds()
    joules = meter.end_window(Usage(reply.cpu_seconds, reply.wall_seconds))
    others = None
    if before is not None and after is not None and not pace.elsewhere:
        others = max(0.0, after - before - reply.cpu_seconds)
    return reply, Window(
        arm=arm,
        block=block,
        answers=reply.answers,
        asked=reply.planned,
        wall_seconds=reply.wall_seconds,
        cpu_seconds=None if pace.elsewhere else reply.cpu_seconds,
        joules=joules,
        others_cpu_seconds=others,
    )


def _rest(
    workers: Collection[ResidentWorker], meter: Meter, seconds: float, block: int, record: Record
) -> None:
    """One window in which no worker is asked; a meter that cannot tell is not asked again."""
    if record.no_idle:
        return
    for worker in workers:
        worker.wait()
    try:
        meter.begin_window()
        started = time.perf_counter()
        time.sleep(seconds)
        cpu_seconds = sum(worker.wait() for worker in workers)
        wall_seconds = time.perf_counter() - started
        joules = meter.end_window(Usage(max(cpu_seconds, _LEAST_CPU_SECONDS), wall_seconds))
    except MeterError as error:
        record.no_idle = str(error)
        return
    record.idle.append(
        Idle(block=block, wall_seconds=wall_seconds, cpu_seconds=cpu_seconds, joules=joules)
    )
