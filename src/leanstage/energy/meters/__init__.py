"""Meters, and the choice of the best one that this machine has."""

import os
from collections.abc import Callable
from pathlib import Path

from leanstage.energy.meters.base import Meter, MeterError, PowerRange, Usage
from leanstage.energy.meters.cpu_time import CpuTimeMeter
from leanstage.energy.meters.rapl import RaplMeter

POWERCAP_ROOT_VARIABLE = "LEANSTAGE_POWERCAP_ROOT"
_POWERCAP_ROOT = "/sys/class/powercap"

__all__ = [
    "POWERCAP_ROOT_VARIABLE",
    "CpuTimeMeter",
    "Meter",
    "MeterError",
    "PowerRange",
    "RaplMeter",
    "Usage",
    "discover",
]


def discover(powercap_root: Path | None = None) -> Meter:
    """The meter of the best tier that works here; the CPU-time estimate always does.

    Args:
        powercap_root: the powercap folder; by default ``LEANSTAGE_POWERCAP_ROOT`` from the
            environment, or the kernel's own place.

    Returns:
        A meter whose ``info.rejected`` says why each better one is not to be had.
    """
    root = powercap_root or Path(os.environ.get(POWERCAP_ROOT_VARIABLE) or _POWERCAP_ROOT)
    best_first: tuple[Callable[[], Meter], ...] = (lambda: RaplMeter(root),)
    rejected: list[str] = []
    for build in best_first:
        try:
            meter = build()
        except MeterError as error:
            rejected.append(str(error))
        else:
            meter.info = meter.info.model_copy(update={"rejected": tuple(rejected)})
            return meter
    return CpuTimeMeter(rejected=tuple(rejected))
