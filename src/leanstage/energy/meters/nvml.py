"""NVML: the energy counter of an NVIDIA GPU, through the driver's own library.

Interface: https://docs.nvidia.com/deploy/nvml-api/
"""

import os
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

import numpy as np

from leanstage.contracts import Check, MeterInfo
from leanstage.energy.meters.base import Meter, MeterError, Usage
from leanstage.energy.meters.power import PowerIntegral

_POWER_UPDATE_SECONDS = 0.1
_CHANGES = 6
"""Changes of the counter that are watched to tell how often it moves."""
_STILL_SECONDS = 1.0
"""A GPU always draws power: a counter that does not move for so long is stuck."""
_READ_SECONDS = 0.001
_MOST_DISAGREEMENT = 0.15


def boards_of(processes: Collection[int]) -> set[str]:
    """UUIDs of the GPUs on which processes of this machine compute; none where no driver tells.

    From inside a container the driver's numbers are those of the host, and match none.
    """
    try:
        import pynvml
    except ImportError:
        return set()
    try:
        pynvml.nvmlInit()
        count = pynvml.nvmlDeviceGetCount()
        gpus = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(count)]
        return {
            str(pynvml.nvmlDeviceGetUUID(gpu))
            for gpu in gpus
            for running in pynvml.nvmlDeviceGetComputeRunningProcesses(gpu)
            if running.pid in processes
        }
    except pynvml.NVMLError:
        return set()


class NvmlMeter(Meter):
    """The board's total-energy counter (Volta and newer), or the integral of its power.

    The GPU is the first that ``CUDA_VISIBLE_DEVICES`` shows, which is where a worker answers.

    Raises:
        MeterError: there is no driver, no GPU, or no reading; the counter stands still; or the GPU
            is shared by MIG, whose instances have no energy of their own.
    """

    def __init__(self) -> None:
        try:
            import pynvml
        except ImportError as error:
            raise MeterError("NVML: the package nvidia-ml-py is not installed.") from error
        self._nvml: Any = pynvml
        with self._reading("the driver's library"):
            pynvml.nvmlInit()
            driver = pynvml.nvmlSystemGetDriverVersion()
        self._gpu = self._visible_gpu()
        with self._reading("the GPU"):
            name = pynvml.nvmlDeviceGetName(self._gpu)
            self.board = uuid = str(pynvml.nvmlDeviceGetUUID(self._gpu))
            limit_watts = pynvml.nvmlDeviceGetEnforcedPowerLimit(self._gpu) / 1e3
        self._refuse_shares(name)
        self._power = PowerIntegral(self._watts)
        self._counts = self._has_counter()
        period = self._update_seconds() if self._counts else _POWER_UPDATE_SECONDS
        self.min_window_seconds = 100 * period
        # Nothing answers yet, so this is what the board draws without work.
        idle_watts = self._watts()
        self._start_mj: int | None = None
        self._counted = self._integrated = 0.0
        source = "total-energy counter" if self._counts else "power samples, integrated"
        self.info = MeterInfo(
            name="nvml" if self._counts else "nvml-power",
            tier="measured",
            boundary=f"board of one GPU ({name}), idle power included; not the host's processor",
            detail=(
                f"{name}, {uuid}, driver {driver}: {source}, updated every {period * 1e3:.0f} ms. "
                "Whatever else ran on the GPU is counted too."
            ),
            possible_watts=(idle_watts, limit_watts),
        )

    def begin_window(self) -> None:
        self._start_mj = self._millijoules() if self._counts else 0
        self._power.begin()

    def _read_joules(self, usage: Usage) -> float:
        if self._start_mj is None:
            raise MeterError("NVML was asked to end a window that never began.")
        start_mj, self._start_mj = self._start_mj, None
        end_mj = self._millijoules() if self._counts else 0
        integrated = self._power.end()
        if not self._counts:
            return integrated
        if end_mj < start_mj:
            raise MeterError(
                f"NVML: the counter went back from {start_mj} to {end_mj} mJ, as it does when the "
                "driver is loaded anew."
            )
        self._await_change(end_mj)
        joules = (end_mj - start_mj) / 1e3
        self._counted += joules
        self._integrated += integrated
        return joules

    def checks(self) -> tuple[Check, ...]:
        """The counter against the power of the same windows, sampled beside it."""
        if not self._integrated or not self._counted:
            return ()
        off = self._counted / self._integrated - 1
        return (
            Check(
                name="counter-and-power",
                passed=abs(off) <= _MOST_DISAGREEMENT,
                detail=(
                    f"The counter says {self._counted:.0f} J, the sampled power "
                    f"{self._integrated:.0f} J: {off:+.1%}, allowed is {_MOST_DISAGREEMENT:.0%}."
                ),
            ),
        )

    def _visible_gpu(self) -> Any:
        """The device that CUDA calls 0 in this environment."""
        shown = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0].strip()
        with self._reading("the list of GPUs"):
            count = self._nvml.nvmlDeviceGetCount()
            gpus = [self._nvml.nvmlDeviceGetHandleByIndex(index) for index in range(count)]
            names = {self._nvml.nvmlDeviceGetName(gpu) for gpu in gpus}
            uuids = [self._nvml.nvmlDeviceGetUUID(gpu) for gpu in gpus]
        if shown.startswith("MIG-"):
            raise MeterError(f"NVML: {shown} is a MIG instance, which has no energy of its own.")
        if shown.isdigit():
            in_order = os.environ.get("CUDA_DEVICE_ORDER") == "PCI_BUS_ID"
            if len(names) > 1 and not in_order:
                raise MeterError(
                    "NVML: the GPUs here differ, and CUDA may number them otherwise; set "
                    "CUDA_DEVICE_ORDER to PCI_BUS_ID, or CUDA_VISIBLE_DEVICES to a UUID."
                )
            found = gpus[int(shown) : int(shown) + 1]
        else:
            found = [
                gpu
                for gpu, uuid in zip(gpus, uuids, strict=True)
                if shown.startswith("GPU-") and uuid.startswith(shown)
            ]
        if len(found) != 1:
            raise MeterError(
                f"NVML: {count} GPUs are here, and CUDA_VISIBLE_DEVICES shows {len(found)} of them "
                f"as its first ({shown or 'nothing'})."
            )
        return found[0]

    def _refuse_shares(self, name: str) -> None:
        with self._reading("the MIG mode"):
            try:
                current, _ = self._nvml.nvmlDeviceGetMigMode(self._gpu)
            except self._nvml.NVMLError_NotSupported:
                return
        if current:
            raise MeterError(
                f"NVML: {name} is divided by MIG, and its counter is that of all instances."
            )

    def _has_counter(self) -> bool:
        with self._reading("the energy counter"):
            try:
                self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._gpu)
            except self._nvml.NVMLError_NotSupported:
                return False
        return True

    def _update_seconds(self) -> float:
        """Median time between changes of the counter."""
        changes = []
        reading = self._millijoules()
        for _ in range(_CHANGES):
            reading = self._await_change(reading)
            changes.append(time.perf_counter())
        return median(np.diff(changes).tolist())

    def _await_change(self, reading: int) -> int:
        """The next reading of the counter; one that has stopped would look like a saving."""
        deadline = time.perf_counter() + _STILL_SECONDS
        while (now := self._millijoules()) == reading:
            if time.perf_counter() > deadline:
                raise MeterError(
                    f"NVML: the counter stands still at {reading} mJ for {_STILL_SECONDS:g} s."
                )
            time.sleep(_READ_SECONDS)
        return now

    def _millijoules(self) -> int:
        with self._reading("the energy counter"):
            return int(self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._gpu))

    def _watts(self) -> float:
        with self._reading("the power"):
            return float(self._nvml.nvmlDeviceGetPowerUsage(self._gpu)) / 1e3

    @contextmanager
    def _reading(self, what: str) -> Iterator[None]:
        try:
            yield
        except self._nvml.NVMLError as error:
            reason = str(error).rstrip(".")
            raise MeterError(f"NVML: {what} cannot be read: {reason}.") from error
