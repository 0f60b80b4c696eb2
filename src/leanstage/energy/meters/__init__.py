"""Meters, and the choice of the best one that this machine has."""

import os
from collections.abc import Callable
from pathlib import Path

from leanstage.energy.meters.base import Meter, MeterError, PowerRange, Usage
from leanstage.energy.meters.both import BothMeter
from leanstage.energy.meters.cpu_time import CpuTimeMeter
from leanstage.energy.meters.nvml import NvmlMeter
from leanstage.energy.meters.rapl import RaplMeter

POWERCAP_ROOT_VARIABLE = "LEANSTAGE_POWERCAP_ROOT"
_POWERCAP_ROOT = "/sys/class/powercap"

__all__ = [
    "POWERCAP_ROOT_VARIABLE",
    "BothMeter",
    "CpuTimeMeter",
    "Meter",
    "MeterError",
    "NvmlMeter",
    "PowerRange",
    "RaplMeter",
    "Usage",
    "discover",
    "discover_gpu",
    "survey",
]


def discover(powercap_root: Path | None = None) -> Meter:
    """The best meter of a model on the processor; the CPU-time estimate always works.

    Args:
        powercap_root: the powercap folder; by default ``LEANSTAGE_POWERCAP_ROOT`` from the
            environment, or the kernel's own place.

    Returns:
        A meter whose ``info.rejected`` says why each better one is not to be had.
    """
    try:
        return _rapl(powercap_root)
    except MeterError as error:
        return CpuTimeMeter(rejected=(str(error),))


def discover_gpu(powercap_root: Path | None = None) -> Meter:
    """The best meter of a model on the GPU: its board, with the processor where RAPL counts it.

    An estimate is never added to a counter; where RAPL is not to be had, ``info.rejected`` says
    why and the boundary is the board alone.

    Args:
        powercap_root: as for :func:`discover`.

    Raises:
        MeterError: no meter sees the GPU.
    """
    gpu = NvmlMeter()
    try:
        return BothMeter(gpu, _rapl(powercap_root))
    except MeterError as error:
        gpu.info = gpu.info.model_copy(update={"rejected": (str(error),)})
        return gpu


def survey() -> dict[str, Meter | MeterError]:
    """Every kind of meter, best tier first: at work here, or why it is not to be had."""
    builders: dict[str, Callable[[], Meter]] = {
        "nvml": NvmlMeter,
        "rapl": lambda: _rapl(None),
        "cpu-time": CpuTimeMeter,
    }
    found: dict[str, Meter | MeterError] = {}
    for name, build in builders.items():
        try:
            found[name] = build()
        except MeterError as error:
            found[name] = error
    return found


def _rapl(root: Path | None) -> Meter:
    return RaplMeter(root or Path(os.environ.get(POWERCAP_ROOT_VARIABLE) or _POWERCAP_ROOT))
