"""What the user states of a machine, for machines that nothing here can read.

Taken by name only (``LEANSTAGE_METER=declared``): a statement is worth less than any meter.
"""

from pathlib import Path
from typing import Annotated, Self

import yaml
from pydantic import Field, ValidationError, model_validator

from leanstage.contracts import MeterInfo, first_problem
from leanstage.contracts.base import Part
from leanstage.energy.meters.base import Meter, Usage
from leanstage.energy.meters.cpu_time import ThreadPower, shared_joules
from leanstage.errors import InputError
from leanstage.variant.threads import allotted_threads, usable_threads

DECLARED_VARIABLE = "LEANSTAGE_DECLARED_POWER"

_Words = Annotated[str, Field(min_length=1)]


class DeclaredPower(Part):
    """Power of a whole machine, as somebody read it off a wall meter or a data sheet."""

    device: _Words
    idle_watts: float = Field(gt=0)
    full_watts: float = Field(gt=0)
    """With every hardware thread busy."""
    threads: int = Field(gt=0)
    """Hardware threads of the machine."""
    source: _Words
    """Who measured it when and how, or where it is written."""

    @model_validator(mode="after")
    def _no_less_when_busy(self) -> Self:
        if self.full_watts < self.idle_watts:
            raise ValueError("full_watts is below idle_watts")
        return self


class DeclaredMeter(Meter):
    """The machine's stated power, shared out by the worker's CPU time.

    A figure per answer would be no meter: its windows could not differ, and the interval of their
    ratio would have no width.

    Args:
        file: a DeclaredPower in YAML.

    Raises:
        InputError: the file cannot be read, or states no power.
    """

    def __init__(self, file: Path) -> None:
        stated = _read(file)
        idle, full = stated.idle_watts / stated.threads, stated.full_watts / stated.threads
        self._threads = min(allotted_threads(), stated.threads)
        self._power = ThreadPower(stated.device, idle, full)
        self.info = MeterInfo(
            name="declared",
            tier="declared",
            boundary=(
                f"share of {stated.device} by hardware threads: the worker's CPU time, and the "
                f"idle power of {self._threads:g} threads"
            ),
            detail=(
                f"{stated.device}: {stated.idle_watts:g} W idle and {stated.full_watts:g} W busy "
                f"with {stated.threads} threads, as stated by {stated.source}. Nothing was "
                "metered; what an operation costs cannot be seen."
            ),
            possible_watts=(self._threads * idle, usable_threads() * full),
        )

    def begin_window(self) -> None:
        """Nothing to read: the worker reports its own time when the window ends."""

    def _read_joules(self, usage: Usage) -> float:
        return shared_joules(usage, self._threads, self._power)


def _read(file: Path) -> DeclaredPower:
    where = f"{file} ({DECLARED_VARIABLE})"
    try:
        return DeclaredPower.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
    except ValidationError as error:
        raise InputError(f"{where} states no power: {first_problem(error)}.") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{where} cannot be read: {error}.") from error
