"""Start a pipeline here, follow its events, and leave nothing running behind."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from leanstage.contracts import write_atomically
from leanstage.errors import BlockedError, InputError, LeanstageError
from leanstage.gate.attestation import KEY_VARIABLE, PUBLIC_VARIABLE, TRUST_VARIABLE
from leanstage.gate.policies import POLICY_VARIABLE, TREE_VARIABLE
from leanstage.progress import EVENTS_VARIABLE
from leanstage.registry.client import URI_VARIABLE
from leanstage.registry.runs import RUNNER_VARIABLE, runner_name

_PLACES = (KEY_VARIABLE, PUBLIC_VARIABLE, TRUST_VARIABLE, POLICY_VARIABLE, TREE_VARIABLE)
POLL_SECONDS = 0.2
GRACE_SECONDS = 10.0


class Listener(Protocol):
    """Is told what the tasks say."""

    def start(self, stage: str) -> None: ...

    def step(self, message: str, fraction: float | None) -> None: ...

    def end(self, stage: str, seconds: float) -> None: ...


@dataclass
class Run:
    """What is known of a run: where it put things, how long its stages took, what went wrong."""

    folder: Path
    outputs: dict[str, str] = field(default_factory=dict)
    timings: dict[str, float] = field(default_factory=dict)
    error: LeanstageError | None = None

    @property
    def log(self) -> Path:
        return self.folder / "log.txt"


def run_pipeline(
    pipeline: str,
    arguments: Mapping[str, Any],
    *,
    run: Run,
    tracking_uri: str,
    listener: Listener,
) -> None:
    """Run a pipeline to its end; see :func:`follow`."""
    request = run.folder / "request.json"
    document = {
        "pipeline": pipeline,
        "arguments": dict(arguments),
        "root": str(run.folder.resolve() / "pipeline"),
    }
    write_atomically(request, json.dumps(document).encode())
    follow(
        ["leanstage.runner.child", str(request)],
        run=run,
        tracking_uri=tracking_uri,
        listener=listener,
    )


def follow(module: Sequence[str], *, run: Run, tracking_uri: str, listener: Listener) -> None:
    """Run ``python -m module ...`` to its end; tell ``listener`` and fill in ``run`` on the way.

    Where a task ended the run, BLOCKED included, ``run.error`` says so; nothing is raised for it.
    On an interrupt every process of the run is stopped before the interrupt goes on.
    """
    run.folder.mkdir(parents=True, exist_ok=True)
    events = run.folder / "events.jsonl"
    events.write_text("", encoding="utf-8")
    environment = {
        **os.environ,
        **_absolute_places(),
        EVENTS_VARIABLE: str(events.resolve()),
        URI_VARIABLE: tracking_uri,
        RUNNER_VARIABLE: runner_name(os.getpid()),
        # A task's threads must not spin while the next one starts.
        "OMP_WAIT_POLICY": "PASSIVE",
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONUNBUFFERED": "1",
    }
    command = [sys.executable, "-m", *module]
    with run.log.open("wb") as log, _process_group(command, environment, log) as process:
        reader = _Events(events)
        while process.poll() is None:
            for event in reader.new():
                _tell(event, run, listener)
            time.sleep(POLL_SECONDS)
        for event in reader.new():
            _tell(event, run, listener)
    if process.returncode != 0 and run.error is None:
        run.error = LeanstageError(f"the run ended without a reason; its log is {run.log}.")


def _absolute_places() -> dict[str, str]:
    """Variables that name a file or folder here, for tasks that may run elsewhere."""
    return {
        name: str(Path(os.environ[name]).absolute())
        for name in _PLACES
        if Path(os.environ.get(name, "")).exists() and os.environ.get(name)
    }


class _Events:
    """Reads lines as they are appended, whole lines only."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = 0

    def new(self) -> Iterator[dict[str, Any]]:
        with self._path.open("rb") as stream:
            stream.seek(self._at)
            for line in stream:
                if not line.endswith(b"\n"):
                    return
                self._at += len(line)
                yield json.loads(line)


_ERRORS: dict[str, type[LeanstageError]] = {
    kind.kind: kind for kind in (LeanstageError, InputError, BlockedError)
}


def _tell(event: dict[str, Any], run: Run, listener: Listener) -> None:
    match event["event"]:
        case "start":
            listener.start(event["stage"])
        case "step":
            listener.step(event["message"], event["fraction"])
        case "end":
            run.timings[event["stage"]] = event["seconds"]
            listener.end(event["stage"], event["seconds"])
        case "error":
            run.timings[event["stage"]] = event["seconds"]
            run.error = _ERRORS.get(event["kind"], LeanstageError)(event["message"])
        case "output":
            run.outputs[event["name"]] = event["path"]


@contextmanager
def _process_group(
    command: list[str], environment: Mapping[str, str], log: Any
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that leads a group of its own, so that its tasks end with it."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        env=dict(environment),
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            return
        try:
            process.wait(GRACE_SECONDS)
            return
        except subprocess.TimeoutExpired:
            continue
