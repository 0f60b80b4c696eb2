"""What a measurement rests on, raw: the meter, the work, and every window."""

from collections.abc import Sequence

from pydantic import Field

from leanstage.contracts.base import Interval, Part, Sha256
from leanstage.contracts.policy import Tier


class MeterInfo(Part):
    """What measured, and what it covers."""

    name: str
    tier: Tier
    boundary: str
    detail: str = ""
    scale: Interval | None = None
    """True joules over those stated, at least and at most; None for a counter, taken as it is."""
    possible_watts: tuple[float, float | None] = (0.0, None)
    """Mean power of a window outside of these cannot be true; no upper end where none is known."""
    rejected: tuple[str, ...] = ()
    """Better meters that are not to be had here, each with the reason."""


class Workload(Part):
    """What the workers were asked to do."""

    batch_size: int = Field(gt=0)
    rows: int = Field(gt=0)
    dataset_sha256: Sha256
    label: str
    tokens_per_answer: int | None = Field(default=None, gt=0)
    """Tokens that every answer has where models write, the same for all; None where none do."""
    endpoint: str | None = None
    """What answers over HTTP; None where the measuring process itself does."""


class Window(Part):
    """One measured window, raw."""

    arm: str
    block: int = Field(ge=0)
    answers: int = Field(gt=0)
    """Rows answered with finite figures."""
    asked: int | None = Field(default=None, gt=0)
    """Rows; None in documents from before it was kept."""
    wall_seconds: float = Field(gt=0)
    cpu_seconds: float | None = Field(default=None, ge=0)
    """Of the worker and of a server on its machine; None where a server elsewhere answered."""
    joules: float = Field(gt=0)
    others_cpu_seconds: float | None = Field(default=None, ge=0)
    """Processor time of everything else on the machine; None where the kernel does not tell,
    or another machine answered."""


class Idle(Part):
    """One window in which every model was in memory and none was asked, raw."""

    block: int = Field(ge=0)
    """It came before this one."""
    wall_seconds: float = Field(gt=0)
    cpu_seconds: float = Field(ge=0)
    """Of all workers together."""
    joules: float = Field(gt=0)


def idle_watts(idle: Sequence[Idle]) -> float | None:
    """Mean power with every model in memory and none asked; None where it was not measured."""
    seconds = sum(window.wall_seconds for window in idle)
    return sum(window.joules for window in idle) / seconds if seconds else None


class Check(Part):
    """One plausibility check and its outcome."""

    name: str
    passed: bool
    detail: str
