"""Mistakes of tools that measure energy: zeus, codecarbon, and what is easily done by hand."""

import resource
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest
from pydantic import ValidationError

from leanstage.contracts import MeterInfo
from leanstage.energy.cpu import CpuIdentity
from leanstage.energy.meters import (
    METER_VARIABLE,
    CpuTimeMeter,
    MeterError,
    RaplMeter,
    Usage,
    discover,
    survey,
)
from leanstage.energy.meters.readings import step
from leanstage.energy.resident import ResidentWorker
from tests.energy.conftest import make_variant
from tests.energy.nvml.library import UPDATE_SECONDS, WATTS, library, probe
from tests.energy.powercap import Powercap, powercap

__all__ = ["library", "make_variant", "powercap"]

SECOND = Usage(cpu_seconds=1.0, wall_seconds=1.0)


def window(meter: RaplMeter, powercap: Powercap, **joules: float) -> float:
    """What the meter reads while the zones move, by name without its prefix."""
    meter.begin_window()
    powercap.seconds += 1
    for zone, moved in joules.items():
        powercap.move("intel-rapl:" + zone.lstrip("z").replace("_", ":"), int(moved * 1e6))
    return meter.end_window(SECOND)


def test_zeus_counts_psys_beside_the_packages_that_it_holds(powercap: Powercap) -> None:
    """It says 200 J for 80 J."""
    powercap.add("intel-rapl:0", "package-0")
    powercap.add("intel-rapl:1", "psys")
    assert window(RaplMeter(powercap.root), powercap, z0=80, z1=120) == pytest.approx(80)


@pytest.mark.parametrize("past_uj", [1, 100_000])
def test_zeus_reads_a_counter_that_has_just_wrapped_as_if_it_had_not(
    powercap: Powercap, past_uj: int
) -> None:
    """No watcher has to notice the wrap: the two readings of the window tell it."""
    powercap.add("intel-rapl:0", "package-0", range_uj=2**32)
    meter = RaplMeter(powercap.root)
    powercap.put("intel-rapl:0", 2**32 - 10_000_000)
    meter.begin_window()
    powercap.seconds += 1
    powercap.put("intel-rapl:0", past_uj)
    assert meter.end_window(SECOND) == pytest.approx(10 + past_uj / 1e6)


def test_zeus_takes_zones_whose_counters_idle(powercap: Powercap) -> None:
    powercap.add("intel-rapl:0", "package-0", moves_uj=0)
    with pytest.raises(MeterError, match="0 J"):
        RaplMeter(powercap.root)


def test_codecarbon_misses_the_memory_that_is_a_zone_of_its_package(powercap: Powercap) -> None:
    powercap.add("intel-rapl:0", "package-0")
    powercap.add("intel-rapl:0/intel-rapl:0:0", "dram")
    meter = RaplMeter(powercap.root)
    meter.begin_window()
    powercap.seconds += 1
    powercap.move("intel-rapl:0", 50_000_000)
    powercap.move("intel-rapl:0/intel-rapl:0:0", 7_000_000)
    assert meter.end_window(SECOND) == pytest.approx(57)


def test_codecarbon_reads_nothing_from_a_gpu_that_is_named_by_uuid(library: Path) -> None:
    found = probe(library, seconds=1.0, CUDA_VISIBLE_DEVICES="GPU-bbbb-1")
    truth = WATTS[1] * found["seconds"]
    assert found["joules"] == pytest.approx(truth, abs=WATTS[1] * UPDATE_SECONDS * 1.1)


@pytest.mark.parametrize("cpu", [("?", 99, 1, 8), ("ARM", None, None, 8)])
def test_codecarbon_takes_every_unknown_processor_for_four_watts_a_thread(cpu: Any) -> None:
    """A median of servers, idle and busy, and how far it may be off."""
    meter = CpuTimeMeter(CpuIdentity(*cpu), threads=8)
    idle = meter.end_window(Usage(cpu_seconds=1e-9, wall_seconds=1.0))
    busy = meter.end_window(Usage(cpu_seconds=8.0, wall_seconds=1.0))
    assert (idle / 8, busy / 8) == pytest.approx((0.64, 2.68))
    assert meter.info.scale == (0.4, 2.5)


def test_codecarbon_does_not_say_whether_it_measured() -> None:
    assert {meter.info.tier for meter in survey().meters} == {
        "measured",
        "attributed",
        "estimated",
        "declared",
    }
    with pytest.raises(ValidationError, match="tier"):
        MeterInfo.model_validate({"name": "some", "boundary": "some"})


def test_codecarbon_asks_the_network_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind a proxy that is wrong. What is emitted is reckoned from a region that is stated."""

    def refuse(*_: object) -> NoReturn:
        raise AssertionError("a meter opened a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    meter = discover()
    meter.begin_window()
    assert meter.end_window(SECOND) > 0


def test_a_meter_that_loses_its_permission_does_not_read_as_zero(powercap: Powercap) -> None:
    powercap.add("intel-rapl:0", "package-0")
    meter = RaplMeter(powercap.root)
    meter.begin_window()
    counter = powercap.root / "intel-rapl:0" / "energy_uj"
    counter.unlink()
    counter.mkdir()
    with pytest.raises(MeterError, match="cannot be read"):
        meter.end_window(SECOND)


def test_a_meter_that_is_missing_is_not_replaced_by_one_that_guesses(
    powercap: Powercap, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a counter was asked for, no other figure stands in for it."""
    monkeypatch.setenv(METER_VARIABLE, "rapl")
    with pytest.raises(MeterError, match="no package zone"):
        discover()


@pytest.mark.parametrize("share", [0.2, 0.7])
def test_a_window_shorter_than_the_counters_update_is_off_by_all_of_it(
    library: Path, share: float
) -> None:
    """20 ms of a counter that moves every 100 ms read as nothing, or as several times too much."""
    found = probe(library, seconds=share * UPDATE_SECONDS)
    truth = WATTS[0] * share * UPDATE_SECONDS
    joules = found.get("joules", 0.0)
    assert joules != pytest.approx(truth, rel=0.25)
    assert "error" not in found or "0 J" in found["error"]
    # So no window is shorter than 100 of its updates.
    assert probe(library)["min_window_seconds"] == pytest.approx(100 * UPDATE_SECONDS, rel=0.2)


@pytest.mark.parametrize(("seconds", "seen"), [(6, 0), (12, 5)])
def test_the_readings_within_a_burst_hold_a_part_of_it(seconds: int, seen: int) -> None:
    """Of 6 s of 40 W, scraped every 5 s, the difference of the readings within holds nothing."""
    began, ended = 21, 21 + seconds
    counter = {at: 40.0 * min(max(at - began, 0), seconds) for at in range(0, 61, 5)}
    within = [joules for at, joules in counter.items() if began <= at <= ended]
    assert max(within) - min(within) == 40.0 * seen
    before = [(at, joules) for at, joules in counter.items() if at < began]
    after = [(at, joules) for at, joules in counter.items() if at > ended]
    assert step(before, after, seconds).joules == pytest.approx(40.0 * seconds)


def test_the_time_of_a_child_that_lives_is_not_in_that_of_children(
    make_variant: Callable[..., Path],
) -> None:
    """It reads as zero until the child is joined, so a worker reports its own."""
    with ResidentWorker("candidate") as worker:
        worker.load(make_variant("candidate", products=50), "tiny_predictor:burning")
        worker.prepare(["a text"] * 20, 4)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        run = worker.run(0.05, 700)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime == before.ru_utime + before.ru_stime
    assert run.cpu_seconds > 0.05


def test_time_on_the_wall_is_no_energy() -> None:
    """Two windows as long as each other, in one of which the worker waited for half of it."""
    meter = CpuTimeMeter(CpuIdentity("AMD EPYC", 25, 17, 2), threads=2)
    whole = meter.end_window(Usage(cpu_seconds=2.0, wall_seconds=1.0))
    half = meter.end_window(Usage(cpu_seconds=1.0, wall_seconds=1.0))
    assert whole / half == pytest.approx(2 * 1.53 / (1.53 + 0.28))
