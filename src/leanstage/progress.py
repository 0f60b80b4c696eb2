"""What a task says while it works: a line in its log, and an event for a runner that listens.

A runner sets ``LEANSTAGE_EVENTS`` to a file; every event is one JSON line appended to it.
"""

import json
import os
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from leanstage.errors import LeanstageError

EVENTS_VARIABLE = "LEANSTAGE_EVENTS"
DEBUG_VARIABLE = "LEANSTAGE_DEBUG"


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Run one stage of the line: say when it starts, ends or fails, and how long it took.

    A :class:`LeanstageError`, a full disk included, ends the process with its one sentence and
    without a traceback; anything else keeps the traceback in the log.
    """
    started = time.monotonic()
    _event(event="start", stage=name)
    print(f"[{name}] started", flush=True)
    try:
        yield
    except LeanstageError as error:
        _fail(name, started, str(error), error.kind, error)
        raise SystemExit(error.exit_code) from None
    except OSError as error:
        sentence = f"{name} could not read or write {error.filename or 'a file'}: {error.strerror}."
        _fail(name, started, sentence, LeanstageError.kind, error)
        raise SystemExit(LeanstageError.exit_code) from None
    except Exception as error:
        traceback.print_exc()
        sentence = f"{name} failed unexpectedly: {type(error).__name__}: {error}"
        _fail(name, started, sentence, LeanstageError.kind, None)
        raise SystemExit(LeanstageError.exit_code) from None
    seconds = time.monotonic() - started
    _event(event="end", stage=name, seconds=seconds)
    print(f"[{name}] done in {seconds:.1f} s", flush=True)


def step(message: str, fraction: float | None = None) -> None:
    """Say what is being done, and how far along it is (0 to 1) where that is known."""
    _event(event="step", message=message, fraction=fraction)
    share = "" if fraction is None else f" ({fraction:.0%})"
    print(f"  {message}{share}", flush=True)


def output(name: str, path: str | Path) -> None:
    """Say where something that outlives the task was put."""
    _event(event="output", name=name, path=str(path))


def _fail(name: str, started: float, sentence: str, kind: str, error: BaseException | None) -> None:
    if error is not None and os.environ.get(DEBUG_VARIABLE):
        traceback.print_exception(error)
    seconds = time.monotonic() - started
    _event(event="error", stage=name, kind=kind, message=sentence, seconds=seconds)
    print(f"[{name}] {sentence}", file=sys.stderr, flush=True)


def _event(**fields: Any) -> None:
    target = os.environ.get(EVENTS_VARIABLE)
    if not target:
        return
    line = json.dumps({"time": time.time(), **fields}) + "\n"
    # One write of one line: appends of two tasks never mix.
    with Path(target).open("a", encoding="utf-8") as stream:
        stream.write(line)
