"""The estimate of a known load, with a second load beside it."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from leanstage.energy.cpu import CpuIdentity
from leanstage.energy.meters import CpuTimeMeter, Usage
from leanstage.energy.resident import ResidentWorker

TEXTS = [f"text {i}" for i in range(20)]
IDLE_WATTS, FULL_WATTS = 0.28, 1.53


def spent_seconds(pid: int) -> float:
    """Processor time of a process as the scheduler accounts it, thread by thread."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(path.read_text().split()[0]) for path in threads) / 1e9


@pytest.fixture
def beside() -> Iterator[int]:
    """A process that never rests."""
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as process:
        try:
            yield process.pid
        finally:
            process.kill()


def test_the_load_is_estimated_and_what_runs_beside_it_is_not(
    beside: int, make_variant: Callable[..., Path]
) -> None:
    meter = CpuTimeMeter(CpuIdentity("AMD EPYC", 25, 17, 2), threads=2)
    with ResidentWorker("candidate") as worker:
        worker.load(make_variant("candidate", products=200), "tiny_predictor:burning")
        worker.prepare(TEXTS, 4)
        pid = worker._process.pid
        own, other = spent_seconds(pid), spent_seconds(beside)
        meter.begin_window()
        run = worker.run(0.1, 700)
        joules = meter.end_window(Usage(run.cpu_seconds, run.wall_seconds))
        own, other = spent_seconds(pid) - own, spent_seconds(beside) - other
    idle_joules = 2 * run.wall_seconds * IDLE_WATTS
    assert (joules - idle_joules) / (FULL_WATTS - IDLE_WATTS) == pytest.approx(own, rel=0.05)
    # What would have been counted too.
    assert other > 0.2 * own
