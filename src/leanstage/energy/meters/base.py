"""What a meter is: windows that begin and end, and joules or an error."""

import math
from abc import ABC, abstractmethod
from typing import NamedTuple

from leanstage.contracts import Check, MeterInfo, Tier
from leanstage.errors import LeanstageError


class MeterError(LeanstageError):
    """A meter is not to be had, or gave a reading that is no energy: missing, zero, negative."""


class UnreadGpuError(MeterError):
    """A GPU answers, and its meter cannot read it; one of the processor alone will not do."""


class Usage(NamedTuple):
    """What the worker itself spent in a window; a counter ignores it, an estimate rests on it."""

    cpu_seconds: float
    """User and system time of the worker's own process."""
    wall_seconds: float


class Meter(ABC):
    """Measures the energy of one window at a time, idle power included (gross energy)."""

    info: MeterInfo
    works: bool = True
    min_window_seconds: float = 0.0
    """Shortest window worth reading: 100 update periods of the counter."""
    quiet_seconds: float = 0.0
    """What a window takes besides, before it and again after."""
    board: str | None = None
    """UUID of the GPU that it reads, where it reads one."""

    @abstractmethod
    def begin_window(self) -> None:
        """Open a window; returns when it is open, and the work may start.

        Raises:
            MeterError: the meter cannot be read.
        """

    def end_window(self, usage: Usage) -> float:
        """Close the window.

        Args:
            usage: what the worker reports to have spent between begin and end.

        Returns:
            Joules in the window, finite and above zero.

        Raises:
            MeterError: the meter cannot be read, or the reading is no energy.
        """
        return checked_joules(self._read_joules(usage), self.info.name)

    def checks(self) -> tuple[Check, ...]:
        """What the meter itself can say of the windows so far."""
        return ()

    @abstractmethod
    def _read_joules(self, usage: Usage) -> float:
        """Joules since the window began; ``end_window`` refuses what is no energy."""


class NullMeter(Meter):
    """Stands where a meter is not to be had, and says why to whoever asks it to measure.

    Args:
        name: of the meter that is missing.
        tier: what it would have been worth.
        reason: why it is missing, a sentence.
    """

    works = False

    def __init__(self, name: str, tier: Tier, reason: str) -> None:
        self.info = MeterInfo(name=name, tier=tier, boundary="nothing", detail=reason)

    def begin_window(self) -> None:
        raise MeterError(self.info.detail)

    def _read_joules(self, usage: Usage) -> float:
        raise MeterError(self.info.detail)


def checked_joules(joules: float, meter: str) -> float:
    """``joules`` if it can be an energy.

    Raises:
        MeterError: it is zero, negative or not finite.
    """
    if not math.isfinite(joules) or joules <= 0:
        raise MeterError(f"{meter} read {joules:g} J for a window in which the worker ran.")
    return joules
