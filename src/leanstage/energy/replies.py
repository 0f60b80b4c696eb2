"""What a resident worker says of what it was asked."""

from typing import NamedTuple


class WarmUp(NamedTuple):
    """How the warm-up went; ``settled``: three successive throughputs agreed within 5%."""

    iterations: int
    settled: bool


class Run(NamedTuple):
    """What a worker reports of one window."""

    answers: int
    """Rows answered with finite probabilities."""
    planned: int
    """Rows asked."""
    wall_seconds: float
    cpu_seconds: float
    peak_rss_bytes: int
    """Peak since the worker started."""


class Singles(NamedTuple):
    """What a worker reports of a window of single-row calls."""

    milliseconds: list[float]
    """Of each call."""
    wall_seconds: float
    cpu_seconds: float

    @property
    def answers(self) -> int:
        """Calls in the window."""
        return len(self.milliseconds)

    @property
    def planned(self) -> int:
        """As many: a call that failed would have ended the window."""
        return len(self.milliseconds)
