"""MeterSurvey: what can measure energy on a machine, and why nothing else can."""

from pydantic import Field

from leanstage.contracts.base import Contract, Part
from leanstage.contracts.windows import MeterInfo


class FoundMeter(Part):
    """One kind of meter."""

    info: MeterInfo
    """Where it does not work, ``detail`` says why and its boundary is nothing."""
    works: bool
    min_window_seconds: float | None = Field(default=None, ge=0)
    """Shortest window worth reading; None where it does not work."""


class MeterSurvey(Contract):
    """Every kind of meter, of each device the best first."""

    meters: tuple[FoundMeter, ...]
    gpu: MeterInfo | None
    """The best that sees the GPU; None where none does, and nothing is measured there."""
    processor: MeterInfo | None
