"""Runs as processes of this machine: claimed by their folder, found again by a new trigger."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from leanstage.errors import LeanstageError
from leanstage.trigger.backends.base import Job
from leanstage.trigger.backends.local import JOB, LocalBackend, end
from tests.trigger.service import until

# A pipeline that does not get far: the model is not there.
DOOMED = Job("leanstage-a-v1-00000000-000000-a1", "deploy", {"model": "/nowhere", "request": "r"})


@pytest.fixture
def backend(tmp_path: Path) -> LocalBackend:
    return LocalBackend(tmp_path / "runs")


def processes(folder: Path) -> list[int]:
    """Supervisors that work below a folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"leanstage.trigger.backends.supervisor" in command and any(
                part.startswith(os.fsencode(folder)) for part in command
            ):
                found.append(int(entry.name))
    return found


def test_nothing_is_there_at_first(backend: LocalBackend) -> None:
    assert backend.active() == {}
    assert backend.find(["a"]) == {}


def test_a_run_that_ends_is_known_to_a_new_trigger(backend: LocalBackend, tmp_path: Path) -> None:
    started = backend.create(DOOMED)
    assert started.state == "ACTIVE"
    assert list(backend.active()) == [DOOMED.name]
    with pytest.raises(LeanstageError, match="exists already"):
        backend.create(DOOMED)
    other = LocalBackend(tmp_path / "runs")
    until(lambda: not other.active())
    found = other.find([DOOMED.name, "another"])
    assert list(found) == [DOOMED.name]
    assert found[DOOMED.name].state == "FAILED"
    assert found[DOOMED.name].finished is not None
    log = (tmp_path / "runs" / DOOMED.name / "supervisor.log").read_text()
    assert "/nowhere" in log
    assert "Traceback" not in log


def test_a_run_that_was_killed_has_failed(backend: LocalBackend, tmp_path: Path) -> None:
    backend.create(DOOMED)
    (pid,) = until(lambda: processes(tmp_path))
    os.kill(pid, signal.SIGKILL)
    until(lambda: not backend.active())
    assert backend.find([DOOMED.name])[DOOMED.name].state == "FAILED"


def test_a_trigger_that_was_killed_leaves_its_runs(tmp_path: Path) -> None:
    """The run goes on, and whoever comes next sees it."""
    code = (
        "import sys, time; from pathlib import Path; "
        "from leanstage.trigger.backends.base import Job; "
        "from leanstage.trigger.backends.local import LocalBackend; "
        f"LocalBackend(Path(sys.argv[1])).create(Job({DOOMED.name!r}, 'deploy', "
        "{'model': '/nowhere', 'request': 'r'})); print('started', flush=True); time.sleep(60)"
    )
    folder = tmp_path / "runs"
    command = [sys.executable, "-c", code, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as trigger:
        assert trigger.stdout is not None
        assert trigger.stdout.readline() == b"started\n"
        trigger.kill()
    backend = LocalBackend(folder)
    assert list(backend.active()) == [DOOMED.name], "the run has outlived the trigger"
    until(lambda: backend.find([DOOMED.name])[DOOMED.name].finished)


def test_a_trigger_killed_before_the_process_started_leaves_a_failed_run(
    backend: LocalBackend, tmp_path: Path
) -> None:
    (tmp_path / "runs" / DOOMED.name).mkdir(parents=True)
    assert backend.find([DOOMED.name])[DOOMED.name].state == "FAILED"
    (tmp_path / "runs" / DOOMED.name / JOB).write_text("{}")
    assert backend.active() == {}


def test_how_a_run_ended_is_kept(backend: LocalBackend, tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "a"
    folder.mkdir(parents=True)
    end(folder, "SUCCEEDED")
    assert backend.find(["a"])["a"].state == "SUCCEEDED"
    assert time.time() - folder.stat().st_ctime < 60


def test_the_webhook_secret_is_no_business_of_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEANSTAGE_WEBHOOK_SECRET", "a secret of the trigger alone")
    backend = LocalBackend(tmp_path / "runs")
    backend.create(DOOMED)
    (pid,) = until(lambda: processes(tmp_path))
    assert b"a secret of the trigger" not in Path(f"/proc/{pid}/environ").read_bytes()
    os.kill(pid, signal.SIGKILL)
    until(lambda: not backend.active())
