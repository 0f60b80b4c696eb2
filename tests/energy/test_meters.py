import math
from collections.abc import Callable
from pathlib import Path

import pytest

from leanstage.contracts import Check
from leanstage.energy.cpu import CpuIdentity
from leanstage.energy.meters import (
    POWERCAP_ROOT_VARIABLE,
    BothMeter,
    CpuTimeMeter,
    Meter,
    MeterError,
    PowerRange,
    RaplMeter,
    Usage,
    discover,
    discover_gpu,
)

SECOND = Usage(cpu_seconds=1.0, wall_seconds=1.0)
WIDE_UJ = 10**12


class Powercap:
    """A powercap tree in which time passes only when somebody sleeps: one joule per zone."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.zones: dict[str, int] = {}
        root.mkdir()

    def add(self, zone: str, name: str, range_uj: int = WIDE_UJ, moves_uj: int = 10**6) -> None:
        folder = self.root / zone
        folder.mkdir(parents=True)
        (folder / "name").write_text(f"{name}\n")
        (folder / "max_energy_range_uj").write_text(f"{range_uj}\n")
        self.put(zone, 5_000_000)
        self.zones[zone] = moves_uj

    def put(self, zone: str, energy_uj: int) -> None:
        (self.root / zone / "energy_uj").write_text(f"{energy_uj}\n")

    def move(self, zone: str, by_uj: int) -> None:
        self.put(zone, int((self.root / zone / "energy_uj").read_text()) + by_uj)

    def sleep(self, seconds: float) -> None:
        for zone, moves_uj in self.zones.items():
            self.move(zone, moves_uj)


@pytest.fixture
def powercap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Powercap:
    tree = Powercap(tmp_path / "powercap")
    monkeypatch.setattr("leanstage.energy.meters.rapl.time.sleep", tree.sleep)
    return tree


@pytest.fixture
def two_sockets(powercap: Powercap) -> Powercap:
    powercap.add("intel-rapl:0", "package-0")
    powercap.add("intel-rapl:0:0", "core")
    powercap.add("intel-rapl:0:1", "uncore")
    powercap.add("intel-rapl:0:2", "dram")
    powercap.add("intel-rapl:1", "package-1")
    powercap.add("intel-rapl:1/intel-rapl:1:0", "dram")
    powercap.add("intel-rapl:2", "psys")
    powercap.add("intel-rapl-mmio:0", "package-0")
    return powercap


def test_rapl_sums_packages_and_their_memory_only(two_sockets: Powercap) -> None:
    meter = RaplMeter(two_sockets.root)
    meter.begin_window()
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
    assert meter.end_window(SECOND) == pytest.approx(3.0)


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


def test_discover_prefers_the_counter(two_sockets: Powercap) -> None:
    meter = discover(two_sockets.root)
    assert isinstance(meter, RaplMeter)
    assert meter.info.rejected == ()


def test_discover_takes_the_root_from_the_environment(
    two_sockets: Powercap, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(POWERCAP_ROOT_VARIABLE, str(two_sockets.root))
    assert isinstance(discover(), RaplMeter)


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
    meter = discover(powercap.root)
    assert meter.info.tier == "estimated"
    assert len(meter.info.rejected) == 1
    assert reason in meter.info.rejected[0]


def test_estimate_for_a_known_cpu() -> None:
    meter = CpuTimeMeter(CpuIdentity("AMD EPYC", 25, 17, 2), threads=2)
    meter.begin_window()
    joules = meter.end_window(Usage(cpu_seconds=0.75, wall_seconds=0.5))
    assert joules == pytest.approx(0.75 * 1.53 + (2 * 0.5 - 0.75) * 0.28)
    assert "Genoa" in meter.info.detail
    assert meter.power_range == pytest.approx((0.56, 3.06))


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
        update={"name": "board", "tier": "measured", "boundary": "a board; not the processor"}
    )
    min_window_seconds = 10.0
    power_range = PowerRange(70.0, 700.0)

    def checks(self) -> tuple[Check, ...]:
        return (Check(name="board", passed=True, detail=""),)


def test_a_gpu_is_read_with_the_processor_beside_it(
    two_sockets: Powercap, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leanstage.energy.meters.NvmlMeter", lambda: Board(7.0))
    meter = discover_gpu(two_sockets.root)
    assert isinstance(meter, BothMeter)
    meter.begin_window()
    two_sockets.sleep(1)
    assert meter.end_window(SECOND) == pytest.approx(7 + 4)
    assert (meter.info.name, meter.info.tier) == ("board+rapl", "measured")
    assert "a board; and CPU packages" in meter.info.boundary
    assert meter.min_window_seconds == 10
    assert meter.power_range == (70.0, math.inf)
    assert [check.name for check in meter.checks()] == ["board"]


def test_no_estimate_is_added_to_a_counter(
    powercap: Powercap, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leanstage.energy.meters.NvmlMeter", lambda: Board(7.0))
    meter = discover_gpu(powercap.root)
    assert meter.end_window(SECOND) == 7
    assert meter.info.boundary == "a board; not the processor"
    assert "no package zone" in meter.info.rejected[0]
