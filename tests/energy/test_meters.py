import json
import math
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from leanstage.contracts import Check
from leanstage.energy.cpu import CpuIdentity
from leanstage.energy.meters import (
    DECLARED_VARIABLE,
    METER_VARIABLE,
    BothMeter,
    CpuTimeMeter,
    DeclaredMeter,
    Meter,
    MeterError,
    RaplMeter,
    Usage,
    discover,
    discover_gpu,
    survey,
)
from leanstage.energy.meters.discovery import KINDS
from leanstage.errors import InputError
from tests.energy.powercap import Powercap, powercap, two_sockets

__all__ = ["powercap", "two_sockets"]

SECOND = Usage(cpu_seconds=1.0, wall_seconds=1.0)


def test_rapl_sums_packages_and_their_memory_only(two_sockets: Powercap) -> None:
    meter = RaplMeter(two_sockets.root)
    meter.begin_window()
    two_sockets.seconds += 1
    for exponent, zone in enumerate(two_sockets.zones):
        two_sockets.move(zone, 10**6 * 2**exponent)
    assert meter.end_window(SECOND) == pytest.approx(1 + 8 + 16 + 32)
    assert meter.info.tier == "measured"
    assert "package-0, package-0/dram, package-1, package-1/dram" in meter.info.detail


def test_rapl_counts_on_when_the_counter_starts_again(powercap: Powercap) -> None:
    powercap.add("intel-rapl:0", "package-0", range_uj=65_532_610_987)
    meter = RaplMeter(powercap.root)
    powercap.put("intel-rapl:0", 65_531_610_987)
    meter.begin_window()
    powercap.put("intel-rapl:0", 2_000_000)
    powercap.seconds += 1
    assert meter.end_window(SECOND) == pytest.approx(3.0)


@pytest.mark.parametrize("reading", [4_000_000, 5_000_000 + 10**10])
def test_rapl_takes_a_counter_that_jumps_for_no_energy(powercap: Powercap, reading: int) -> None:
    """Set back it would look like one that wrapped."""
    powercap.add("intel-rapl:0", "package-0", range_uj=65_532_610_987)
    meter = RaplMeter(powercap.root)
    meter.begin_window()
    powercap.put("intel-rapl:0", reading)
    powercap.seconds += 1
    with pytest.raises(MeterError, match="jumped from 6000000 to"):
        meter.end_window(SECOND)


def test_rapl_refuses_a_window_in_which_the_counter_may_have_lapped(powercap: Powercap) -> None:
    powercap.add("intel-rapl:0", "package-0")
    meter = RaplMeter(powercap.root)
    (powercap.root / "intel-rapl:0" / "max_energy_range_uj").write_text("1\n")
    meter.begin_window()
    powercap.sleep(1)
    with pytest.raises(MeterError, match="measure shorter windows"):
        meter.end_window(SECOND)


@pytest.mark.parametrize("reading", ["-1", "", "nan"])
def test_rapl_takes_no_reading_that_is_no_energy(powercap: Powercap, reading: str) -> None:
    powercap.add("intel-rapl:0", "package-0")
    meter = RaplMeter(powercap.root)
    meter.begin_window()
    (powercap.root / "intel-rapl:0" / "energy_uj").write_text(reading)
    with pytest.raises(MeterError):
        meter.end_window(SECOND)


def test_rapl_takes_no_zero_and_no_missing_counter(powercap: Powercap) -> None:
    powercap.add("intel-rapl:0", "package-0")
    meter = RaplMeter(powercap.root)
    meter.begin_window()
    with pytest.raises(MeterError, match="0 J"):
        meter.end_window(SECOND)
    (powercap.root / "intel-rapl:0" / "energy_uj").unlink()
    with pytest.raises(MeterError, match="cannot be read"):
        meter.begin_window()
    with pytest.raises(MeterError, match="never began"):
        meter.end_window(SECOND)


def test_rapl_is_for_root_alone() -> None:
    """As another user, where this is root, to whom everything is open."""
    root = os.geteuid() == 0
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        tree = Powercap(Path(folder) / "powercap")
        tree.add("intel-rapl:0", "package-0")
        (tree.root / "intel-rapl:0" / "energy_uj").chmod(0o000)
        try:
            if root:
                os.seteuid(65534)
            with pytest.raises(MeterError, match="can be read by root only"):
                RaplMeter(tree.root)
        finally:
            if root:
                os.seteuid(0)


def test_discover_prefers_the_counter(two_sockets: Powercap) -> None:
    meter = discover()
    assert isinstance(meter, RaplMeter)
    assert meter.info.rejected == ()


def test_discover_takes_what_it_is_asked_for(
    two_sockets: Powercap, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(METER_VARIABLE, "cpu-time")
    meter = discover()
    assert meter.info.name == "cpu-time"
    assert meter.info.rejected == ("LEANSTAGE_METER asks for cpu-time instead of rapl or kepler.",)


@pytest.mark.parametrize(
    ("asked", "error", "reason"),
    [
        ("kepler", MeterError, "LEANSTAGE_PROMETHEUS names no Prometheus"),
        ("declared", MeterError, "LEANSTAGE_DECLARED_POWER names no file"),
        ("nvml", MeterError, "does not see the processor"),
        ("psys", InputError, "there are nvml, dcgm, rapl, kepler, cpu-time, declared"),
    ],
)
def test_no_other_meter_stands_in_for_the_one_that_is_asked_for(
    two_sockets: Powercap,
    monkeypatch: pytest.MonkeyPatch,
    asked: str,
    error: type[Exception],
    reason: str,
) -> None:
    monkeypatch.setenv(METER_VARIABLE, asked)
    with pytest.raises(error, match=reason):
        discover()


def test_a_survey_has_every_kind_and_a_null_meter_for_what_is_missing(
    powercap: Powercap,
) -> None:
    found = survey()
    assert [meter.info.name for meter in found.meters] == list(KINDS)
    (rapl,) = (meter for meter in found.meters if meter.info.name == "rapl")
    assert (rapl.works, rapl.info.tier) == (False, "measured")
    with pytest.raises(MeterError, match="no package zone"):
        rapl.begin_window()
    with pytest.raises(MeterError, match="no package zone"):
        rapl.end_window(SECOND)
    assert found.processor.info.name == "cpu-time"
    assert not found.gpu.works
    assert "NVML" in found.gpu.info.detail
    assert "dcgm" in found.gpu.info.detail


def _no_tree(powercap: Powercap) -> None:
    powercap.root.rmdir()


def _only_psys(powercap: Powercap) -> None:
    powercap.add("intel-rapl:0", "psys")


def _stands_still(powercap: Powercap) -> None:
    powercap.add("intel-rapl:0", "package-0", moves_uj=0)


def _denied(powercap: Powercap) -> None:
    powercap.add("intel-rapl:0", "package-0")
    (powercap.root / "intel-rapl:0" / "energy_uj").unlink()
    (powercap.root / "intel-rapl:0" / "energy_uj").mkdir()


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (_no_tree, "no package zone"),
        (_only_psys, "no package zone"),
        (_stands_still, "0 J"),
        (_denied, "cannot be read"),
    ],
)
def test_discover_falls_back_to_the_estimate_and_says_why(
    powercap: Powercap, spoil: Callable[[Powercap], None], reason: str
) -> None:
    spoil(powercap)
    meter = discover()
    assert meter.info.tier == "estimated"
    assert reason in meter.info.rejected[0]
    assert meter.info.rejected[1] == "kepler: LEANSTAGE_PROMETHEUS names no Prometheus to ask."


def test_estimate_for_a_known_cpu() -> None:
    meter = CpuTimeMeter(CpuIdentity("AMD EPYC", 25, 17, 2), threads=2)
    meter.begin_window()
    joules = meter.end_window(Usage(cpu_seconds=0.75, wall_seconds=0.5))
    assert joules == pytest.approx(0.75 * 1.53 + (2 * 0.5 - 0.75) * 0.28)
    assert "Genoa" in meter.info.detail
    assert meter.info.possible_watts == pytest.approx((0.56, 3.06))


@pytest.mark.parametrize(("family", "model"), [(99, 1), (None, None)])
def test_estimate_for_an_unknown_cpu_is_wider(family: int | None, model: int | None) -> None:
    meter = CpuTimeMeter(CpuIdentity("?", family, model, 4), threads=4)
    joules = meter.end_window(Usage(cpu_seconds=1.0, wall_seconds=1.0))
    assert joules == pytest.approx(2.68 + 3 * 0.64)
    assert "factor of 2.5" in meter.info.detail


@pytest.mark.parametrize("usage", [(0.0, 1.0), (1.0, 0.0), (-1.0, 1.0), (math.nan, 1.0)])
def test_estimate_takes_no_time_that_is_no_time(usage: tuple[float, float]) -> None:
    meter = CpuTimeMeter(threads=1)
    with pytest.raises(MeterError):
        meter.end_window(Usage(*usage))


STATED = {
    "device": "an edge board",
    "idle_watts": 4.0,
    "full_watts": 12.0,
    "threads": 8,
    "source": "a wall meter, 2026-03",
}


def stated(tmp_path: Path, **changes: object) -> Path:
    """A file that states a power, JSON being YAML."""
    path = tmp_path / "power.yaml"
    path.write_text(json.dumps(STATED | changes), encoding="utf-8")
    return path


def test_what_is_declared_says_so_and_by_whom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leanstage.energy.meters.declared.allotted_threads", lambda: 2.0)
    monkeypatch.setenv(METER_VARIABLE, "declared")
    monkeypatch.setenv(DECLARED_VARIABLE, str(stated(tmp_path)))
    meter = discover()
    assert meter.info.tier == "declared"
    assert "as stated by a wall meter, 2026-03" in meter.info.detail
    meter.begin_window()
    joules = meter.end_window(Usage(cpu_seconds=1.5, wall_seconds=1.0))
    assert joules == pytest.approx(1.5 * 12 / 8 + 0.5 * 4 / 8)


@pytest.mark.parametrize(
    "changes",
    [{"idle_watts": 0}, {"full_watts": 3}, {"source": ""}, {"threads": 0}, {"watts": 1}],
)
def test_a_statement_that_states_no_power_says_what_is_wrong(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    with pytest.raises(InputError, match=r"power.yaml .* states no power"):
        DeclaredMeter(stated(tmp_path, **changes))
    with pytest.raises(InputError, match="cannot be read"):
        DeclaredMeter(tmp_path / "absent")


def test_what_is_wrong_with_a_statement_is_bad_input_and_no_missing_meter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(METER_VARIABLE, "declared")
    monkeypatch.setenv(DECLARED_VARIABLE, str(stated(tmp_path, threads=0)))
    with pytest.raises(InputError, match="states no power"):
        discover()
    assert "states no power" in survey().meters[-1].info.detail


class Fixed(Meter):
    """Reads what it was given."""

    info = CpuTimeMeter(threads=1).info

    def __init__(self, joules: float) -> None:
        self._joules = joules

    def begin_window(self) -> None: ...

    def _read_joules(self, usage: Usage) -> float:
        return self._joules


@pytest.mark.parametrize("joules", [0.0, -1.0, math.nan, math.inf])
def test_no_meter_hands_out_what_is_no_energy(joules: float) -> None:
    with pytest.raises(MeterError, match="cpu-time read"):
        Fixed(joules).end_window(SECOND)


class Board(Fixed):
    """Stands for a GPU."""

    info = CpuTimeMeter(threads=1).info.model_copy(
        update={
            "name": "board",
            "tier": "measured",
            "boundary": "a board; not the processor",
            "possible_watts": (70.0, 700.0),
        }
    )
    min_window_seconds = 10.0

    def checks(self) -> tuple[Check, ...]:
        return (Check(name="board", passed=True, detail=""),)


def test_a_gpu_is_read_with_the_processor_beside_it(
    two_sockets: Powercap, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(KINDS, "nvml", KINDS["nvml"]._replace(build=lambda: Board(7.0)))
    meter = discover_gpu()
    assert isinstance(meter, BothMeter)
    meter.begin_window()
    two_sockets.sleep(1)
    assert meter.end_window(SECOND) == pytest.approx(7 + 4)
    assert (meter.info.name, meter.info.tier) == ("board+rapl", "measured")
    assert "a board; and CPU packages" in meter.info.boundary
    assert meter.min_window_seconds == 10
    assert meter.info.possible_watts == (70.0, 700.0 + 4 * 1000.0)
    assert [check.name for check in meter.checks()] == ["board"]


def test_no_estimate_is_added_to_a_counter(
    powercap: Powercap, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(KINDS, "nvml", KINDS["nvml"]._replace(build=lambda: Board(7.0)))
    meter = discover_gpu()
    assert meter.end_window(SECOND) == 7
    assert meter.info.boundary == "a board; not the processor"
    assert "no package zone" in meter.info.rejected[0]
