"""A run in a child process: its events arrive, its errors keep their kind, its log is kept."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from leanstage.errors import BlockedError, InputError, LeanstageError
from leanstage.runner.console import ConsoleListener
from leanstage.runner.local import Run, _Events, follow

BODY = """
from leanstage.errors import BlockedError, InputError
from leanstage.progress import output, stage, step

with stage("first"):
    step("half of it", 0.5)
    output("thing", "/somewhere")
with stage("second"):
    {body}
"""


@pytest.fixture
def told() -> tuple[Console, io.StringIO]:
    stream = io.StringIO()
    return Console(file=stream, width=120), stream


def run_body(body: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, console: Console) -> Run:
    (tmp_path / "task_of_test.py").write_text(BODY.format(body=body))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    run = Run(tmp_path / "run")
    with ConsoleListener(console) as listener:
        follow(["task_of_test"], run=run, tracking_uri="sqlite:///unused.db", listener=listener)
    return run


def test_stages_steps_and_outputs_arrive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: tuple[Console, io.StringIO]
) -> None:
    run = run_body("print('in the log only')", tmp_path, monkeypatch, told[0])
    assert run.error is None
    assert list(run.timings) == ["first", "second"]
    assert run.outputs == {"thing": "/somewhere"}
    shown = told[1].getvalue()
    assert "✓  first" in shown
    assert "in the log only" not in shown
    assert "in the log only" in run.log.read_text()


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("raise InputError('bad rows')", InputError),
        ("raise BlockedError('blocked')", BlockedError),
        ("raise OSError(28, 'No space left on device', '/disk/file')", LeanstageError),
        ("1 / 0", LeanstageError),
        ("import os; os._exit(9)", LeanstageError),
    ],
)
def test_a_failure_keeps_its_kind(
    body: str,
    kind: type[LeanstageError],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    told: tuple[Console, io.StringIO],
) -> None:
    run = run_body(body, tmp_path, monkeypatch, told[0])
    assert type(run.error) is kind
    assert "\n" not in str(run.error)
    if "No space" in body:
        assert (
            str(run.error) == "second could not read or write /disk/file: No space left on device."
        )
    if "1 / 0" in body:
        assert "ZeroDivisionError" in run.log.read_text(), "the traceback stays in the log"


def test_half_a_line_waits_for_its_end(tmp_path: Path) -> None:
    path = tmp_path / "events"
    path.write_text('{"event": "a"}\n{"eve')
    events = _Events(path)
    assert [event["event"] for event in events.new()] == ["a"]
    with path.open("a") as stream:
        stream.write('nt": "b"}\n')
    assert [event["event"] for event in events.new()] == ["b"]
