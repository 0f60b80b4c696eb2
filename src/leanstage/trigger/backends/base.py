"""What the trigger asks of a backend."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from leanstage.trigger.pulse import Step, go_on

State = Literal["ACTIVE", "SUCCEEDED", "FAILED", "CANCELED"]
Place = Literal["user", "gate"]
ACTIVE: State = "ACTIVE"


@dataclass(frozen=True)
class Started:
    """A run as its backend knows it.

    Attributes:
        created: when the backend took it, None where it does not tell.
        finished: when it ended.
    """

    name: str
    state: State
    created: datetime | None = None
    finished: datetime | None = None


@dataclass(frozen=True)
class Job:
    """A run to start: the pipeline (``deploy``, ``optimize`` ...), its parameters, and where."""

    name: str
    pipeline: str
    arguments: Mapping[str, int | float | str]
    place: Place = "user"


class Backend(Protocol):
    """Starts runs and knows how they stand. Every method raises LeanstageError.

    An error whose ``transient`` is False refuses this one request; any other may pass.
    """

    def active(self) -> dict[str, Started]:
        """Every run in progress, whoever started it."""
        ...

    def find(self, names: Iterable[str], step: Step = go_on) -> dict[str, Started]:
        """The runs among ``names`` that exist, in whatever state; ``step`` before each request."""
        ...

    def create(self, job: Job) -> Started:
        """Start a run; its name must not exist."""
        ...
