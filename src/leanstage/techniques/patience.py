"""How long a technique may train: what would not end in time is given up as soon as that shows."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from leanstage.errors import LeanstageError

_END: ContextVar[float | None] = ContextVar("end", default=None)


class LateError(LeanstageError):
    """A training would not end within the time that its technique has."""


@contextmanager
def ending_by(moment: float | None) -> Iterator[None]:
    """Trainings inside have to end by ``moment`` of :func:`time.monotonic`; None: whenever."""
    token = _END.set(moment)
    try:
        yield
    finally:
        _END.reset(token)


def require_time(seconds: float) -> None:
    """Make sure that what takes ``seconds`` more can end in time.

    Raises:
        LateError: it cannot.
    """
    end = _END.get()
    if end is None:
        return
    left = max(0.0, end - time.monotonic())
    if seconds > left:
        raise LateError(
            f"it would take {seconds / 60:.1f} minutes more, and the plan leaves {left / 60:.1f}"
        )
