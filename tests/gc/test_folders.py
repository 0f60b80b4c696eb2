"""Folders of runs on this machine."""

import fcntl
import os
from pathlib import Path

from typer.testing import CliRunner

from leanstage.cli.main import app
from leanstage.trigger.backends.local import LOCK, RUN, LocalBackend, end
from tests.gc.conftest import State

GONE = 2**22 + 1
"""A process id that Linux gives to nobody."""


def test_working_files_go_and_papers_stay(state: State) -> None:
    old = state.run_folder(f"20250101-120000-run-{GONE}", days_ago=91)
    young = state.run_folder(f"20250101-120000-demo-{GONE}", days_ago=89)
    (item,) = state.survey(state.rules()).items
    assert (item.kind, item.name, item.bytes) == ("run folder", str(old), 100)
    assert state.collect(state.rules()) == [("run folder", str(old))]
    assert {path.name for path in old.iterdir()} == {
        "outcome.json",
        "decision.json",
        "report.html",
        "report.md",
    }
    assert (young / "pipeline").is_dir()


def test_a_run_whose_process_lives_stays(state: State) -> None:
    state.run_folder(f"20250101-120000-run-{os.getpid()}", days_ago=91)
    assert state.survey(state.rules()).items == ()


def test_one_young_file_keeps_the_folder(state: State) -> None:
    folder = state.run_folder(f"20250101-120000-run-{GONE}", days_ago=91)
    (folder / "pipeline" / "distill" / "model.safetensors").touch()
    assert state.survey(state.rules()).items == ()


def test_what_leanstage_did_not_name_stays(state: State, tmp_path: Path) -> None:
    state.run_folder("mine", days_ago=300)
    target = state.run_folder(f"20250101-120000-run-{GONE}", days_ago=91)
    elsewhere = tmp_path / "elsewhere"
    target.rename(elsewhere)
    target.symlink_to(elsewhere)
    plan = state.survey(state.rules())
    assert plan.items == ()
    assert len(plan.kept) == 2


def test_a_link_in_a_folder_is_removed_and_not_followed(state: State, tmp_path: Path) -> None:
    folder = state.run_folder(f"20250101-120000-run-{GONE}", days_ago=91)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "data.jsonl").write_text("{}")
    (folder / "data").symlink_to(elsewhere)
    os.utime(folder / "data", (0, 0), follow_symlinks=False)
    os.utime(folder, (0, 0))
    state.collect(state.rules())
    assert not (folder / "data").exists()
    assert (elsewhere / "data.jsonl").exists()


def test_runs_of_the_local_trigger_go_once_they_ended(state: State) -> None:
    place = state.folder / "home" / "trigger"
    backend = LocalBackend(place)
    for name in ("ended", "killed", "works", "young"):
        made = state.run_folder(name, days_ago=89 if name == "young" else 91)
        (place / name).mkdir(parents=True)
        made.rename(place / name / RUN)
        (place / name / LOCK).touch()
    for name in ("ended", "young"):
        end(place / name, "SUCCEEDED")
    with (place / "works" / LOCK).open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = CliRunner().invoke(app, ["gc", "--yes"], catch_exceptions=False)
        assert set(backend.active()) == {"works"}
    assert done.exit_code == 0
    gone = {path.name for path in place.iterdir() if not (path / RUN / "pipeline").exists()}
    assert gone == {"ended", "killed"}
    assert (place / "ended" / RUN / "decision.json").exists()
    assert backend.find(["ended"])["ended"].state == "SUCCEEDED"
