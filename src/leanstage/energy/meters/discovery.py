"""Which meters there are, and the best of those that work here."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

from leanstage.contracts import Tier
from leanstage.energy.meters.base import Meter, MeterError, NullMeter, UnreadGpuError
from leanstage.energy.meters.both import BothMeter
from leanstage.energy.meters.cluster import dcgm_meter, kepler_meter
from leanstage.energy.meters.cpu_time import CpuTimeMeter
from leanstage.energy.meters.declared import DECLARED_VARIABLE, DeclaredMeter
from leanstage.energy.meters.nvml import NvmlMeter
from leanstage.energy.meters.pods import stated_pod
from leanstage.energy.meters.rapl import RaplMeter
from leanstage.errors import InputError, LeanstageError

METER_VARIABLE = "LEANSTAGE_METER"
POWERCAP_ROOT_VARIABLE = "LEANSTAGE_POWERCAP_ROOT"
_POWERCAP_ROOT = "/sys/class/powercap"

Device = Literal["GPU", "processor"]


class Kind(NamedTuple):
    """One kind of meter."""

    device: Device
    tier: Tier
    build: Callable[[], Meter]
    """Raises a MeterError where it is not to be had."""


def _rapl() -> Meter:
    return RaplMeter(Path(os.environ.get(POWERCAP_ROOT_VARIABLE) or _POWERCAP_ROOT))


def _declared() -> Meter:
    file = os.environ.get(DECLARED_VARIABLE, "").strip()
    if not file:
        raise MeterError(f"declared: {DECLARED_VARIABLE} names no file that states a power.")
    return DeclaredMeter(Path(file))


KINDS: dict[str, Kind] = {
    "nvml": Kind("GPU", "measured", NvmlMeter),
    "dcgm": Kind("GPU", "measured", dcgm_meter),
    "rapl": Kind("processor", "measured", _rapl),
    "kepler": Kind("processor", "attributed", kepler_meter),
    "cpu-time": Kind("processor", "estimated", CpuTimeMeter),
    "declared": Kind("processor", "declared", _declared),
}
"""By name, of each device the best first."""


def tier_of(name: str) -> Tier | None:
    """Tier of a meter by the name in its ``info``; None where no meter is called so."""
    kinds = [KINDS.get(part.removesuffix("-power")) for part in name.split("+")]
    tiers = {kind.tier if kind else None for kind in kinds}
    return tiers.pop() if len(tiers) == 1 else None


class Survey(NamedTuple):
    """What this machine has."""

    meters: tuple[Meter, ...]
    """One of every kind; a NullMeter stands for one that is not to be had."""
    gpu: Meter
    processor: Meter


def discover() -> Meter:
    """The best meter of a model on the processor; the estimate from CPU time always works.

    Returns:
        A meter whose ``info.rejected`` says why each better one is not to be had.

    Raises:
        InputError: ``LEANSTAGE_METER`` names no meter.
        MeterError: it names one that is not to be had.
    """
    return _required(_best("processor", _tried))


def discover_gpu() -> Meter:
    """The best meter of a model on the GPU: its board, with the processor where RAPL counts it.

    An estimate is never added to a counter; where RAPL is not to be had, ``info.rejected`` says
    why and the boundary is the board alone.

    Raises:
        InputError: ``LEANSTAGE_METER`` names no meter.
        MeterError: no meter sees the GPU.
    """
    return _required(_best_gpu(_tried))


def discover_elsewhere() -> Meter:
    """The best meter of the pods in ``LEANSTAGE_POD``, for models that answer on other machines.

    A counter of this machine does not see them, and the processor time of the client that asks is
    not theirs.

    Raises:
        InputError: ``LEANSTAGE_METER`` names no meter.
        MeterError: no meter sees them, or not the one it names; or they have a GPU that its meter
            cannot read, whose work one of the processor would not show.
    """
    builds = {"dcgm": dcgm_meter, "kepler": kepler_meter}
    asked = _asked()
    if asked and asked not in builds:
        raise MeterError(f"{METER_VARIABLE} asks for {asked}, which reads this machine alone.")
    builds = {asked: builds[asked]} if asked else builds
    pod = stated_pod()
    reasons: list[str] = []
    for build in builds.values():
        try:
            return _noting(build(pod), *reasons)
        except UnreadGpuError:
            raise
        except MeterError as error:
            reasons.append(str(error))
    raise MeterError(" ".join(reasons))


def survey() -> Survey:
    """Every kind of meter, and the best of either device; a NullMeter where there is none."""
    found = {name: _looked_at(name) for name in KINDS}
    return Survey(
        tuple(found.values()),
        gpu=_best_gpu(found.__getitem__),
        processor=_best("processor", found.__getitem__),
    )


def _best_gpu(meter_of: Callable[[str], Meter]) -> Meter:
    gpu = _best("GPU", meter_of)
    if not gpu.works:
        return gpu
    host = meter_of("rapl")
    return BothMeter(gpu, host) if host.works else _noting(gpu, host.info.detail)


def _best(device: Device, meter_of: Callable[[str], Meter]) -> Meter:
    """The first that works, or the one that was asked for."""
    names = [name for name, kind in KINDS.items() if kind.device == device]
    asked = _asked()
    if asked and asked not in names:
        reason = f"{METER_VARIABLE} asks for {asked}, which does not see the {device}."
        return NullMeter(asked, KINDS[asked].tier, reason)
    if asked:
        better = names[: names.index(asked)]
        ignored = f"{METER_VARIABLE} asks for {asked} instead of {' or '.join(better)}."
        return _noting(meter_of(asked), *([ignored] if better else []))
    reasons: list[str] = []
    for name in names:
        meter = meter_of(name)
        if meter.works:
            return _noting(meter, *reasons)
        reasons.append(meter.info.detail)
    return NullMeter(names[0], KINDS[names[0]].tier, " ".join(reasons))


def _asked() -> str:
    """The meter that ``LEANSTAGE_METER`` names, if any."""
    asked = os.environ.get(METER_VARIABLE, "").strip()
    if asked and asked not in KINDS:
        raise InputError(f"{METER_VARIABLE} asks for {asked}; there are {', '.join(KINDS)}.")
    return asked


def _noting(meter: Meter, *reasons: str) -> Meter:
    """The meter, with what else was rejected."""
    rejected = (*meter.info.rejected, *reasons)
    meter.info = meter.info.model_copy(update={"rejected": rejected})
    return meter


def _tried(name: str) -> Meter:
    kind = KINDS[name]
    try:
        return kind.build()
    except MeterError as error:
        return NullMeter(name, kind.tier, str(error))


def _looked_at(name: str) -> Meter:
    """As :func:`_tried`; what is wrong with a file is a reason as well."""
    try:
        return _tried(name)
    except LeanstageError as error:
        return NullMeter(name, KINDS[name].tier, str(error))


def _required(meter: Meter) -> Meter:
    if not meter.works:
        raise MeterError(meter.info.detail)
    return meter
