"""The estimate from CPU time, for machines that show no energy counter.

``gross = t_cpu * w_full + (n * T - t_cpu) * w_idle`` joules, with ``t_cpu`` the worker's own CPU
seconds, ``T`` the wall seconds of the window and ``n`` the hardware threads allotted. The powers
are medians of published SPECpower_ssj2008 results (https://www.spec.org/power_ssj2008/results/):
active idle and 100% load of a whole server, divided by its hardware threads.
"""

import math
from typing import NamedTuple

from leanstage.contracts import MeterInfo
from leanstage.energy.cpu import CpuIdentity, cpu_identity
from leanstage.energy.meters.base import Meter, MeterError, Usage
from leanstage.variant.threads import allotted_threads, usable_threads


class ThreadPower(NamedTuple):
    """Power of one hardware thread of a server, idle and fully busy."""

    label: str
    idle_watts: float
    full_watts: float


_ROME = ThreadPower("AMD EPYC Rome", 0.44, 1.66)
_MILAN = ThreadPower("AMD EPYC Milan", 0.42, 1.92)
_GENOA = ThreadPower("AMD EPYC Genoa", 0.28, 1.53)
_TURIN = ThreadPower("AMD EPYC Turin", 0.21, 1.17)
_CASCADE_LAKE = ThreadPower("Intel Xeon Cascade Lake", 0.59, 4.03)
_ICE_LAKE = ThreadPower("Intel Xeon Ice Lake", 0.92, 4.12)
_SAPPHIRE_RAPIDS = ThreadPower("Intel Xeon Sapphire Rapids", 0.90, 3.99)
_EMERALD_RAPIDS = ThreadPower("Intel Xeon Emerald Rapids", 0.84, 3.28)
_GRANITE_RAPIDS = ThreadPower("Intel Xeon Granite Rapids", 0.62, 2.72)

UNKNOWN = ThreadPower("median of x86 servers", 0.64, 2.68)

THREAD_POWER: dict[tuple[int, int], ThreadPower] = {
    (23, 49): _ROME,
    (25, 1): _MILAN,
    (25, 17): _GENOA,
    (26, 2): _TURIN,
    (26, 17): _TURIN,
    (6, 85): _CASCADE_LAKE,
    (6, 106): _ICE_LAKE,
    (6, 108): _ICE_LAKE,
    (6, 143): _SAPPHIRE_RAPIDS,
    (6, 207): _EMERALD_RAPIDS,
    (6, 173): _GRANITE_RAPIDS,
    (6, 174): _GRANITE_RAPIDS,
}
"""By CPU family and model, as virtual machines mask the name. Families 23 and up are AMD's."""


class CpuTimeMeter(Meter):
    """Estimates the share of a server's energy that falls to the worker.

    It cannot see what an operation costs (wide vectors and int8 draw more power per second), which
    is why a policy asks for more saving on this tier.

    Args:
        cpu: the CPU to take coefficients for; this machine's by default.
        threads: hardware threads whose idle power is counted; by default those allotted.
    """

    def __init__(self, cpu: CpuIdentity | None = None, threads: float | None = None) -> None:
        cpu = cpu or cpu_identity()
        power = _power_of(cpu)
        self._power = power
        self._threads = threads or allotted_threads()
        # A quota is a mean: within a short window a worker may run on every thread it can use.
        most_watts = (threads or usable_threads()) * power.full_watts
        known = power is not UNKNOWN
        accuracy = "-30 to +100%" if known else "a factor of 2.5 either way"
        self.info = MeterInfo(
            name="cpu-time",
            tier="estimated",
            boundary=(
                f"share of a server by hardware threads: the worker's CPU time, and the idle power "
                f"of {self._threads:g} threads"
            ),
            detail=(
                f"{cpu.name}, family {cpu.family}, model {cpu.model}: {power.label}, "
                f"{power.idle_watts} W idle and {power.full_watts} W busy per thread "
                f"(SPECpower medians). The true joules may differ by {accuracy}; ratios do not "
                "depend on the scale."
            ),
            scale=(0.7, 2.0) if known else (0.4, 2.5),
            possible_watts=(self._threads * power.idle_watts, most_watts),
        )

    def begin_window(self) -> None:
        """Nothing to read: the worker reports its own time when the window ends."""

    def _read_joules(self, usage: Usage) -> float:
        return shared_joules(usage, self._threads, self._power)


def shared_joules(usage: Usage, threads: float, power: ThreadPower) -> float:
    """Joules of ``threads`` hardware threads that were busy for the worker's CPU time, else idle.

    Raises:
        MeterError: the worker reported no time.
    """
    for name, seconds in usage._asdict().items():
        if not math.isfinite(seconds) or seconds <= 0:
            raise MeterError(f"The worker reported {seconds:g} {name} for a window it ran.")
    idle_seconds = threads * usage.wall_seconds - usage.cpu_seconds
    return usage.cpu_seconds * power.full_watts + idle_seconds * power.idle_watts


def _power_of(cpu: CpuIdentity) -> ThreadPower:
    if cpu.family is None or cpu.model is None:
        return UNKNOWN
    return THREAD_POWER.get((cpu.family, cpu.model), UNKNOWN)
