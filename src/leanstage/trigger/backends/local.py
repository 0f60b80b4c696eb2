"""Runs as processes of this machine, which outlive the trigger; a folder each, named as the run.

Making the folder claims the name. Its lock is taken before the process starts and handed on to it,
so that it is held exactly as long as somebody works on the run: a folder without a final state
whose lock is free is a run that was killed.
"""

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from leanstage.contracts import write_atomically
from leanstage.errors import LeanstageError
from leanstage.trigger.backends.base import ACTIVE, Job, Started
from leanstage.trigger.pulse import Step, go_on
from leanstage.trigger.settings import SECRET_VARIABLE

JOB, STATE, LOCK, LOG, RUN = "job.json", "state.json", "lock", "supervisor.log", "run"


class LocalBackend:
    """Keeps its runs below ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # Runs get the surroundings as they are now, without what is the trigger's alone.
        self._environment = {k: v for k, v in os.environ.items() if k != SECRET_VARIABLE}

    def active(self) -> dict[str, Started]:
        if not self._folder.is_dir():
            return {}
        found = (_state(path) for path in self._folder.iterdir() if path.is_dir())
        return {run.name: run for run in found if run.state == ACTIVE}

    def find(self, names: Iterable[str], step: Step = go_on) -> dict[str, Started]:
        found = (self._folder / name for name in set(names))
        return {path.name: _state(path) for path in found if path.is_dir()}

    def create(self, job: Job) -> Started:
        folder = self._folder / job.name
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            raise LeanstageError(f"the run {job.name} exists already in {folder}.") from None
        lock = _lock(folder)
        document = {"pipeline": job.pipeline, "arguments": dict(job.arguments)}
        write_atomically(folder / JOB, json.dumps(document).encode())
        command = [sys.executable, "-m", "leanstage.trigger.backends.supervisor", str(folder)]
        with (folder / LOG).open("wb") as log:
            subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment,
                pass_fds=[lock],
                start_new_session=True,
            )
        os.close(lock)
        return _state(folder)


def end(folder: Path, state: str) -> None:
    """Write down how a run ended."""
    document = {"state": state, "finished": datetime.now(UTC).isoformat()}
    write_atomically(folder / STATE, json.dumps(document).encode())


def _state(folder: Path) -> Started:
    created = datetime.fromtimestamp(folder.stat().st_ctime, UTC)
    if (folder / JOB).exists():
        created = datetime.fromtimestamp((folder / JOB).stat().st_mtime, UTC)
    # Asked first: a run that ends in between has written its state by then.
    worked_on = _locked(folder)
    try:
        ended = json.loads((folder / STATE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Started(folder.name, ACTIVE if worked_on else "FAILED", created)
    finished = datetime.fromisoformat(ended["finished"])
    return Started(folder.name, ended["state"], created, finished)


def _lock(folder: Path) -> int:
    handle = os.open(folder / LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return handle


def _locked(folder: Path) -> bool:
    try:
        handle = os.open(folder / LOCK, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False
