"""What may go, and by what rules."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

Kind = Literal["half-stored", "earlier champion", "variant", "failed run", "run folder"]


@dataclass(frozen=True)
class Rules:
    """``older_than`` is the least age of what goes; ``keep`` counts champions before the present.

    ``half_stored`` is the least age of a model that was not stored to its end: far more than a
    promotion takes.
    """

    now: datetime
    older_than: timedelta = timedelta(days=90)
    keep: int = 3
    half_stored: timedelta = timedelta(days=1)

    def old(self, milliseconds: int) -> bool:
        """Whether a moment (since the epoch) is past the limit."""
        return self.before(milliseconds, self.older_than)

    def before(self, milliseconds: int, age: timedelta) -> bool:
        """Whether a moment is longer ago than ``age``."""
        return milliseconds < (self.now - age).timestamp() * 1000


@dataclass(frozen=True)
class Item:
    """One thing that may go: what it is, where, how large, and why it may.

    ``delete`` takes it away, after it has looked once more whether it still may; it returns False
    where it may not.
    """

    kind: Kind
    name: str
    bytes: int
    reason: str
    delete: Callable[[], bool] = field(repr=False, compare=False)


@dataclass(frozen=True)
class Kept:
    """Something that stays because it is not understood, and what about it."""

    name: str
    reason: str
