"""The parent's side of a resident worker: starts it, asks it, and always stops it."""

import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from leanstage import orphans
from leanstage.energy.arrivals import AtRate
from leanstage.energy.predictors import DEFAULT_LOADER
from leanstage.energy.replies import Run, Singles, WarmUp
from leanstage.errors import LeanstageError
from leanstage.serving.choice import narrowed

WORKER_ENVIRONMENT: Mapping[str, str] = {
    "HF_HUB_OFFLINE": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
    "TOKENIZERS_PARALLELISM": "false",
}
"""Set for every worker; the rest of the environment is inherited."""

_REPLY_SECONDS = 900.0
_STOP_SECONDS = 2.0


class WorkerError(LeanstageError):
    """A resident worker died, did not answer in time, or could not do what it was asked."""


class ResidentWorker:
    """One worker process with one model, for the length of a ``with`` block.

    Args:
        name: how messages call it.

    Attributes:
        reply_seconds: longest wait for any one reply.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._idle_cpu_seconds = 0.0
        self._idle_wall_seconds = 0.0
        self.reply_seconds = _REPLY_SECONDS
        self._rows = 0
        self._unread = b""
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        # -P: a module in the current folder must not shadow one that the worker imports.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "leanstage.energy.process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, **WORKER_ENVIRONMENT, **narrowed(name)},
        )
        assert self._process.stdin is not None, "stdin is a pipe"
        assert self._process.stdout is not None, "stdout is a pipe"
        self._requests = self._process.stdin
        self._replies = self._process.stdout

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def idle_share(self) -> float:
        """CPU seconds per second that the worker used while it waited for commands."""
        return self._idle_cpu_seconds / self._idle_wall_seconds

    def load(self, path: Path, loader: str = DEFAULT_LOADER) -> float:
        """Load the model in ``path``; seconds that the loader took, its imports included."""
        reply = self._ask("load", path=str(path), loader=loader)
        return float(reply["load_seconds"])

    def prepare(self, texts: Sequence[str], batch_size: int) -> None:
        """Hand over the rows of the next windows; one batch is answered unmeasured."""
        self._rows = len(texts)
        self._ask("prepare", texts=list(texts), batch_size=batch_size)

    def warm_up(self, max_seconds: float, least_batches: int) -> WarmUp:
        """Warm up on the prepared rows, for ``max_seconds`` or so many batches."""
        reply = self._ask("warm_up", max_seconds=max_seconds, least_batches=least_batches)
        return WarmUp(int(reply["iterations"]), bool(reply["settled"]))

    def wait(self) -> float:
        """CPU seconds that the worker used since its last reply, while it waited."""
        return float(self._ask("wait")["idle_cpu_seconds"])

    def run(self, min_seconds: float, min_answers: int, *, reading: bool = False) -> Run:
        """One window of whole passes over the prepared rows.

        Args:
            min_seconds: shortest length of the window.
            min_answers: fewest answers in it.
            reading: end every answer after its first token; for models that write.

        Raises:
            WorkerError: it failed, or reports no answer, no time or no CPU time.
        """
        reply = self._ask("run", min_seconds=min_seconds, min_answers=min_answers, reading=reading)
        run = Run(
            answers=int(reply["answers"]),
            planned=int(reply["passes"]) * self._rows,
            wall_seconds=float(reply["wall_seconds"]),
            cpu_seconds=float(reply["cpu_seconds"]),
            peak_rss_bytes=int(reply["peak_rss_bytes"]),
        )
        for field, value in run._asdict().items():
            if not value > 0:
                raise WorkerError(f"The {self.name} worker reported {value} {field} for a window.")
        return run

    def one_by_one(self, min_calls: int, min_seconds: float = 0.0) -> Singles:
        """One window of single-row calls on the prepared rows.

        Raises:
            WorkerError: it failed, or reports no time or no CPU time.
        """
        reply = self._ask("one_by_one", min_calls=min_calls, min_seconds=min_seconds)
        singles = Singles(
            milliseconds=[float(value) for value in reply["milliseconds"]],
            wall_seconds=float(reply["wall_seconds"]),
            cpu_seconds=float(reply["cpu_seconds"]),
        )
        if not min(singles.wall_seconds, singles.cpu_seconds) > 0:
            raise WorkerError(f"The {self.name} worker reported no time for its single calls.")
        return singles

    def at_rate(self, rate: float, seconds: float, seed: int) -> AtRate:
        """One window of requests, each a batch of the prepared rows, at random times.

        A model in the worker answers one request after the other; a server gets them as they come.

        Args:
            rate: requests per second, on average.
            seconds: length of the window; under overload it lasts up to twice as long, and then
                until what was begun is answered.
            seed: fixes the times; the same seed gives every model the same.

        Raises:
            WorkerError: it failed, or reports no answer, no time or no CPU time.
        """
        reply = self._ask("at_rate", rate=rate, seconds=seconds, seed=seed)
        found = AtRate(
            rate=rate,
            achieved_rate=reply["achieved_rate"],
            latencies_ms=reply["latencies_ms"],
            answers=int(reply["answers"]),
            planned=int(reply["planned"]),
            failure=reply["failure"],
            wall_seconds=float(reply["wall_seconds"]),
            cpu_seconds=float(reply["cpu_seconds"]),
            peak_rss_bytes=int(reply["peak_rss_bytes"]),
        )
        if not min(found.answers, found.wall_seconds, found.cpu_seconds) > 0:
            raise WorkerError(f"The {self.name} worker was not up to the load: {found.sentence()}")
        return found

    def stop(self) -> None:
        """End the process: by closing its stdin, else by SIGTERM, else by SIGKILL."""
        with suppress(BrokenPipeError):
            self._requests.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_STOP_SECONDS)
        orphans.end(self._process, seconds=_STOP_SECONDS)
        self._replies.close()
        self._errors.close()

    def _ask(self, command: str, **arguments: Any) -> dict[str, Any]:
        """Send a command and wait for its reply.

        Raises:
            WorkerError: the worker is dead, silent for too long, or reports a failure.
        """
        line = json.dumps({"command": command, **arguments}) + "\n"
        try:
            self._requests.write(line.encode())
            self._requests.flush()
        except BrokenPipeError as error:
            raise WorkerError(self._obituary(command)) from error
        answer = json.loads(self._read_line(command))
        if not answer["ok"]:
            raise WorkerError(f"The {self.name} worker failed to {command}: {answer['error']}.")
        reply: dict[str, Any] = answer["reply"]
        self._idle_cpu_seconds += reply["idle_cpu_seconds"]
        self._idle_wall_seconds += reply["idle_wall_seconds"]
        return reply

    def _read_line(self, command: str) -> bytes:
        descriptor = self._replies.fileno()
        deadline = time.monotonic() + self.reply_seconds
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            while b"\n" not in self._unread:
                if not selector.select(deadline - time.monotonic()):
                    raise WorkerError(
                        f"The {self.name} worker did not {command} within "
                        f"{self.reply_seconds:g} s and was stopped."
                    )
                chunk = os.read(descriptor, 65536)
                if not chunk:
                    raise WorkerError(self._obituary(command))
                self._unread += chunk
        line, _, self._unread = self._unread.partition(b"\n")
        return line

    def _obituary(self, command: str) -> str:
        """How the process ended, and its last line on stderr."""
        try:
            code = self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            ending = "closed its output"
        else:
            ending = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"exited {code}"
        self._errors.seek(0)
        last_lines = self._errors.read().decode(errors="replace").strip().splitlines()[-1:]
        said = f", saying: {last_lines[0].strip()}" if last_lines else ""
        return f"The {self.name} worker {ending} while asked to {command}{said}."
