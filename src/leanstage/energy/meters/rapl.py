"""RAPL: the energy counters of the CPU packages and their memory, through sysfs powercap.

Interface: https://docs.kernel.org/power/powercap/powercap.html
"""

import re
import time
from pathlib import Path
from typing import NamedTuple

from leanstage.contracts import MeterInfo
from leanstage.energy.meters.base import Meter, MeterError, Usage, checked_joules

_PACKAGE_FOLDER = re.compile(r"intel-rapl:\d+")
_MOST_ZONE_WATTS = 1000.0
"""No package draws more: a window in which it could lap its counter at this power is refused, and
so is a reading above it, as after a counter that was set back and seems to have wrapped."""
_UPDATE_SECONDS = 0.001
_PROBE_SECONDS = 0.05


class _Zone(NamedTuple):
    label: str
    folder: Path


class RaplMeter(Meter):
    """Sums package zones and their dram sub-zones.

    psys overlaps the packages, core and uncore are parts of them, and the ``intel-rapl-mmio``
    zones are the packages once more: none of these is read. AMD's counters stand under the same
    names.

    Args:
        root: the powercap folder, ``/sys/class/powercap`` on a host.

    Raises:
        MeterError: there is no package zone, a counter cannot be read (they are root's alone), or
            one stands still.
    """

    min_window_seconds = 100 * _UPDATE_SECONDS

    def __init__(self, root: Path) -> None:
        self._zones = _find_zones(root)
        self._start_uj: list[int] | None = None
        self._started = 0.0
        labels = ", ".join(zone.label for zone in self._zones)
        self.info = MeterInfo(
            name="rapl",
            tier="measured",
            boundary="CPU packages and memory of the whole machine, idle power included",
            detail=f"Zones read: {labels}. Whatever else ran on the machine is counted too.",
            possible_watts=(0.0, len(self._zones) * _MOST_ZONE_WATTS),
        )
        self._probe()

    def begin_window(self) -> None:
        self._started = time.perf_counter()
        self._start_uj = [_read_uj(zone.folder / "energy_uj") for zone in self._zones]

    def _read_joules(self, usage: Usage) -> float:
        if self._start_uj is None:
            raise MeterError("RAPL was asked to end a window that never began.")
        seconds = time.perf_counter() - self._started
        start_uj, self._start_uj = self._start_uj, None
        zones = zip(self._zones, start_uj, strict=True)
        return sum(_zone_joules(zone, start, seconds) for zone, start in zones)

    def _probe(self) -> None:
        """A counter that stands still, as on some virtual machines, is found before it is used."""
        self.begin_window()
        time.sleep(_PROBE_SECONDS)
        self.end_window(Usage(0.0, _PROBE_SECONDS))


def _find_zones(root: Path) -> tuple[_Zone, ...]:
    """The package zones under ``root`` and their dram sub-zones.

    sysfs shows sub-zones beside their package (class folder) and inside of it (device folder);
    a folder name stands for one zone either way.
    """
    folders = sorted(root.iterdir()) if root.is_dir() else []
    zones: list[_Zone] = []
    for package in (folder for folder in folders if _PACKAGE_FOLDER.fullmatch(folder.name)):
        name = _zone_name(package)
        if not name.startswith("package"):
            continue
        zones.append(_Zone(name, package))
        pattern = f"{package.name}:*"
        subzones = {x.name: x for where in (root, package) for x in sorted(where.glob(pattern))}
        zones += [
            _Zone(f"{name}/dram", folder)
            for folder in subzones.values()
            if _zone_name(folder) == "dram"
        ]
    if not zones:
        raise MeterError(f"RAPL: {root} has no package zone.")
    return tuple(zones)


def _zone_name(folder: Path) -> str:
    try:
        return (folder / "name").read_text(encoding="utf-8").strip()
    except OSError as error:
        raise MeterError(f"RAPL: {folder / 'name'} cannot be read: {error.strerror}.") from error


def _zone_joules(zone: _Zone, start_uj: int, seconds: float) -> float:
    """Joules of one zone since ``start_uj``; a counter starts again after its stated range."""
    end_uj = _read_uj(zone.folder / "energy_uj")
    range_uj = _read_uj(zone.folder / "max_energy_range_uj")
    if seconds * _MOST_ZONE_WATTS * 1e6 > range_uj:
        raise MeterError(
            f"RAPL: the counter of {zone.label} may have run through more than once in a window "
            f"of {seconds:.0f} s; measure shorter windows."
        )
    delta_uj = end_uj - start_uj if end_uj >= start_uj else end_uj - start_uj + range_uj
    if delta_uj > seconds * _MOST_ZONE_WATTS * 1e6:
        raise MeterError(
            f"RAPL: the counter of {zone.label} jumped from {start_uj} to {end_uj} uJ in "
            f"{seconds:.3g} s, which no power explains; measure again."
        )
    return checked_joules(delta_uj / 1e6, f"rapl {zone.label}")


def _read_uj(path: Path) -> int:
    try:
        value = int(path.read_text(encoding="utf-8"))
    except PermissionError as error:
        raise MeterError(f"RAPL: {path} can be read by root only.") from error
    except OSError as error:
        raise MeterError(f"RAPL: {path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise MeterError(f"RAPL: {path} does not hold a whole number.") from error
    if value < 0:
        raise MeterError(f"RAPL: {path} holds a negative energy.")
    return value
