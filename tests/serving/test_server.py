"""A server is waited for, and always stopped."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from leanstage.errors import InputError, LeanstageError
from leanstage.serving.choice import ENDPOINT_VARIABLE
from leanstage.serving.endpoint import load_served
from leanstage.serving.processes import listening_at
from leanstage.serving.server import KINDS, Kind, Server

PROGRAM = """
import sys, time
from pathlib import Path
from leanstage.serving.server import KINDS, Kind, Server
KINDS["tiny"] = Kind("tiny_server:main", lambda *told: [str(each) for each in told], dict, "tests")
print(Server("tiny", Path(sys.argv[1])).pid, flush=True)
time.sleep(300)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the tiny server takes for a model."""
    paths = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    tiny = Kind("tiny_server:main", lambda *told: [str(each) for each in told], dict, "tests")
    monkeypatch.setitem(KINDS, "tiny", tiny)
    (tmp_path / "config.json").touch()
    return tmp_path


def test_a_server_answers_works_and_ends(folder: Path) -> None:
    with Server("tiny", folder) as server:
        process = psutil.Process(server.pid)
        assert server.cpu_seconds() > 0
        assert server.rss_bytes() > 2**20
    assert not process.is_running()


def test_a_server_that_was_killed_is_missed(folder: Path) -> None:
    with Server("tiny", folder) as server:
        os.kill(server.pid, signal.SIGKILL)
        server._process.wait(10)
        with pytest.raises(LeanstageError, match="tiny serve ended"):
            server.cpu_seconds()


def test_a_server_ends_with_the_process_that_started_it(folder: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    orphan = psutil.Process(int(parent.stdout.readline()))
    assert orphan.is_running()
    parent.send_signal(signal.SIGKILL)
    parent.wait(10)
    psutil.wait_procs([orphan], timeout=20)
    assert not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE


def test_a_folder_that_no_server_loads(folder: Path) -> None:
    (folder / "config.json").unlink()
    said = r"^tiny serve ended with exit code 1, saying: no config\.json\. It comes with tests\.$"
    with pytest.raises(LeanstageError, match=said):
        Server("tiny", folder)


def test_a_server_that_takes_too_long(folder: Path) -> None:
    with pytest.raises(LeanstageError, match="did not answer in time"):
        Server("tiny", folder, start_seconds=0.0)
    below = [child.cmdline() for child in psutil.Process().children()]
    assert not any("tiny_server:main" in command for command in below)


def test_whose_work_an_address_of_this_machine_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Server("tiny", folder) as server:
        assert listening_at(f"{server.url}/v2/models/m") == server.pid
        assert listening_at("http://192.0.2.1/v2/models/m") is None
        monkeypatch.setattr("psutil.Process.name", lambda _: "kubectl")
        with pytest.raises(LeanstageError, match="listens kubectl, which passes requests on"):
            listening_at(server.url)
    with pytest.raises(LeanstageError, match="listens no process that this user may see"):
        listening_at(server.url)


def test_no_server_is_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENDPOINT_VARIABLE, raising=False)
    with pytest.raises(InputError, match="names no server"):
        load_served(tmp_path)
