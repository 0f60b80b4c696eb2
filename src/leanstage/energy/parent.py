"""The parent's side of a worker's process: starts it, asks it, and always stops it."""

import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Self

from leanstage import orphans
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


class WorkerProcess:
    """One worker process, for the length of a ``with`` block.

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

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def idle_share(self) -> float:
        """CPU seconds per second that the worker used while it waited for commands."""
        return self._idle_cpu_seconds / self._idle_wall_seconds

    def stop(self) -> None:
        """End the process: by closing its stdin, else by SIGTERM, else by SIGKILL."""
        with suppress(BrokenPipeError):
            self._requests.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_STOP_SECONDS)
        orphans.end(self._process, seconds=_STOP_SECONDS)
        self._replies.close()
        self._errors.close()

    def ask(self, command: str, **arguments: Any) -> dict[str, Any]:
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
