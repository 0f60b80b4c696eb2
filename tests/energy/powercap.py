"""A powercap tree whose counters and clock the test moves."""

from pathlib import Path

import pytest

from leanstage.energy.meters import POWERCAP_ROOT_VARIABLE

WIDE_UJ = 10**12


class Powercap:
    """A powercap tree in which time passes only when somebody sleeps: one joule per zone."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.seconds = 0.0
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

    def perf_counter(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        for zone, moves_uj in self.zones.items():
            self.move(zone, moves_uj)


@pytest.fixture
def powercap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Powercap:
    tree = Powercap(tmp_path / "powercap")
    monkeypatch.setattr("leanstage.energy.meters.rapl.time", tree)
    monkeypatch.setenv(POWERCAP_ROOT_VARIABLE, str(tree.root))
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
