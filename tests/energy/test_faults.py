"""What goes wrong in the middle of a measurement: an error, or no evidence, with the reason."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from leanstage.contracts import EnergyComparison
from leanstage.energy.meters import CpuTimeMeter, Meter, MeterError, Usage
from leanstage.energy.parent import WorkerError
from leanstage.energy.resident import ResidentWorker
from tests.energy.test_protocol import TEXTS, quick_compare

MakeVariant = Callable[..., Path]


@pytest.fixture
def pair(make_variant: MakeVariant) -> dict[str, Path]:
    return {"baseline": make_variant("baseline"), "candidate": make_variant("candidate")}


class WholeMachine(CpuTimeMeter):
    """Stands for a counter of the whole processor, which counts whoever runs on it."""

    def __init__(self) -> None:
        super().__init__(threads=2)
        self.info = self.info.model_copy(update={"name": "rapl", "tier": "measured"})


@pytest.fixture
def co_tenant() -> Iterator[Callable[[str], None]]:
    """Starts to burn processor time when the third block begins."""
    started: list[subprocess.Popen[bytes]] = []

    def watch(what: str) -> None:
        if what.startswith("block 3") and not started:
            started.append(subprocess.Popen([sys.executable, "-c", "while True: pass"]))

    yield watch
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.skipif(not Path("/proc/stat").is_file(), reason="the kernel tells of no one else")
def test_a_co_tenant_that_starts_in_the_middle_is_no_evidence(
    pair: dict[str, Path], co_tenant: Callable[[str], None]
) -> None:
    comparison = quick_compare(
        pair, meter=WholeMachine(), window_seconds=0.1, progress=lambda what, _: co_tenant(what)
    )
    check = named(comparison, "co-tenants")
    assert not check.passed
    assert not comparison.valid
    assert "the meter counts them as well" in check.detail
    others = [0.0] * 4
    for window in comparison.windows:
        assert window.others_cpu_seconds is not None
        others[window.block] += window.others_cpu_seconds
    assert others[2] + others[3] > others[0] + others[1]


def test_an_estimate_counts_no_co_tenant(pair: dict[str, Path]) -> None:
    comparison = quick_compare(pair, blocks=2)
    assert named(comparison, "co-tenants").passed
    assert "the meter does not count them" in named(comparison, "co-tenants").detail


@pytest.fixture
def stepping_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wall clock of every process that is started jumps by an hour all the time."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler to build the clock with")
    library = tmp_path / "clock_step.so"
    source = Path(__file__).parent / "clock_step.c"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    monkeypatch.setenv("LD_PRELOAD", str(library))


def test_a_clock_step_changes_nothing(make_variant: MakeVariant, stepping_clock: None) -> None:
    told = "import time; print([time.time() for _ in range(2)])"
    seen = subprocess.run([sys.executable, "-c", told], capture_output=True, check=True)
    first, second = json.loads(seen.stdout)
    assert abs(second - first) > 3000
    with ResidentWorker("candidate") as worker:
        worker.load(make_variant("candidate"), "tiny_predictor:burning")
        worker.prepare(TEXTS[:20], 4)
        started = time.perf_counter()
        run = worker.run(0.1, 20)
        singles = worker.one_by_one(20)
        at_rate = worker.at_rate(50.0, 0.1, 0)
        rest = worker.wait()
        took = time.perf_counter() - started
    assert 0.1 <= run.wall_seconds < took
    assert 0 < run.cpu_seconds < took * (os.cpu_count() or 1)
    assert 0 < min(singles.milliseconds) <= max(singles.milliseconds) < took * 1e3
    assert 0.1 <= at_rate.wall_seconds < took
    assert rest < took


def test_a_worker_that_dies_in_a_window_is_an_error(pair: dict[str, Path]) -> None:
    with pytest.raises(
        WorkerError, match=r"(candidate|control) worker was ended by SIGKILL while asked to run"
    ):
        quick_compare(pair, loader="tiny_predictor:killed_in_a_window")
    for folder in pair.values():
        with pytest.raises(ProcessLookupError):
            os.kill(int((folder / "pid").read_text()), 0)


class StopsLater(CpuTimeMeter):
    """Reads a few windows, and then nothing any more."""

    def __init__(self, windows: int) -> None:
        super().__init__(threads=2)
        self._left = windows

    def _read_joules(self, usage: Usage) -> float:
        self._left -= 1
        return super()._read_joules(usage) if self._left >= 0 else 0.0


def test_a_meter_that_stops_is_an_error_and_no_zero(pair: dict[str, Path]) -> None:
    with pytest.raises(MeterError, match="cpu-time read 0 J for a window in which the worker ran"):
        quick_compare(pair, meter=StopsLater(5), loader="tiny_predictor:burning")


class ActiveOnly(CpuTimeMeter):
    """Tells of the energy of work alone, as Kepler does."""

    def _read_joules(self, usage: Usage) -> float:
        if usage.cpu_seconds < 0.01 * usage.wall_seconds:
            raise MeterError("Nothing was active.")
        return super()._read_joules(usage)


def test_a_meter_that_does_not_see_rest_leaves_dynamic_energy_unknown(
    pair: dict[str, Path],
) -> None:
    meter: Meter = ActiveOnly(threads=2)
    comparison = quick_compare(pair, meter=meter, window_seconds=0.2, blocks=2)
    assert comparison.idle == ()
    assert {arm.dynamic_joules_per_answer for arm in comparison.arms} == {None}
    assert "Nothing was active" in named(comparison, "idle-power").detail


def named(comparison: EnergyComparison, name: str) -> object:
    return next(check for check in comparison.checks if check.name == name)
