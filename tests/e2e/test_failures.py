"""What a user sees when something is wrong: one sentence, an exit code, nothing half-written."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-c", "from leanstage.cli import main; main()"]
Checkpoint = Callable[[str], Path]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    values = {**os.environ, "LEANSTAGE_HOME": str(tmp_path / "home")}
    for name in ("MLFLOW_TRACKING_URI", "LEANSTAGE_EVENTS"):
        values.pop(name, None)
    return values


def arguments(model: Path, data: dict[str, Path], out: Path) -> list[str]:
    return [
        "run",
        *("--model", str(model), "--train", str(data["train"]), "--eval", str(data["evaluation"])),
        *("--name", "tiny", "--out", str(out)),
    ]


def test_a_missing_dataset_is_one_sentence_and_exit_code_2(
    tiny_checkpoint: Checkpoint,
    data: dict[str, Path],
    tmp_path: Path,
    environment: dict[str, str],
) -> None:
    data["evaluation"].unlink()
    finished = subprocess.run(
        [*COMMAND, *arguments(tiny_checkpoint("bert"), data, tmp_path / "out")],
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert finished.returncode == 2
    assert finished.stderr.strip().splitlines() == [
        f"Error: {data['evaluation']} does not exist; give the path or URI of a dataset."
    ]
    assert "Traceback" not in finished.stdout
    assert not (tmp_path / "out" / "outcome.json").exists()


def test_a_folder_that_is_in_use_is_not_written_into(
    tiny_checkpoint: Checkpoint,
    data: dict[str, Path],
    tmp_path: Path,
    environment: dict[str, str],
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("keep")
    finished = subprocess.run(
        [*COMMAND, *arguments(tiny_checkpoint("bert"), data, out)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert finished.returncode == 2
    assert "not an empty folder" in finished.stderr
    assert [path.name for path in out.iterdir()] == ["mine.txt"]


def test_a_killed_run_leaves_no_process_and_no_version_and_can_be_run_again(
    tiny_checkpoint: Checkpoint,
    data: dict[str, Path],
    tmp_path: Path,
    environment: dict[str, str],
) -> None:
    out = tmp_path / "out"
    command = [*COMMAND, *arguments(tiny_checkpoint("bert"), data, out)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    wait_for(lambda: "distill" in started_stages(out), seconds=300)
    process.kill()
    process.wait(60)
    wait_for(lambda: not processes_of(out), seconds=120)
    assert "promote" not in started_stages(out)

    from mlflow import MlflowClient

    uri = f"sqlite:///{tmp_path / 'home' / 'mlflow.db'}"
    client = MlflowClient(uri, registry_uri=uri)
    assert [str(v.version) for v in client.search_model_versions()] == ["1"]
    assert client.search_model_versions()[0].tags["leanstage.role"] == "baseline"

    command[command.index(str(out))] = str(tmp_path / "again")
    again = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, preexec_fn=heed_interrupts
    )
    try:
        wait_for(lambda: "distill" in started_stages(tmp_path / "again"), seconds=300)
        assert [str(v.version) for v in client.search_model_versions()] == ["1"]
    finally:
        again.send_signal(signal.SIGINT)
        assert again.wait(120) == 130
    assert not processes_of(tmp_path / "again")
    statuses = sorted(run.info.status for run in client.search_runs([experiment(client)]))
    assert statuses == ["KILLED", "KILLED"], "both runs are closed"


def heed_interrupts() -> None:
    """As from a terminal: where a script runs in the background, its children ignore SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def experiment(client: object) -> str:
    return str(client.get_experiment_by_name("leanstage").experiment_id)  # type: ignore[attr-defined]


def started_stages(out: Path) -> list[str]:
    events = out / "events.jsonl"
    if not events.is_file():
        return []
    # The last line may be half written at this moment.
    lines = [json.loads(line) for line in events.read_text().splitlines() if line.endswith("}")]
    return [line["stage"] for line in lines if line["event"] == "start"]


def processes_of(out: Path) -> list[int]:
    """Processes that carry the run's folder in their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                command = (entry / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if f"{out}/" in command:
                found.append(int(entry.name))
    return found


def wait_for(condition: Callable[[], bool], *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.2)


def test_a_disk_that_fills_is_named_and_nothing_half_written_stays(
    tiny_checkpoint: Checkpoint, tmp_path: Path
) -> None:
    """A limit on the size of files stands in for the full disk: the same error, at a write."""
    code = (
        "import sys\n"
        "from leanstage.progress import stage\n"
        "from leanstage.variant.adopt import adopt\n"
        "with stage('resolve'):\n"
        "    adopt(sys.argv[1], sys.argv[2])\n"
    )
    target = tmp_path / "out" / "variant"
    finished = subprocess.run(
        [sys.executable, "-c", code, str(tiny_checkpoint("bert")), str(target)],
        capture_output=True,
        text=True,
        timeout=600,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000)),
    )
    assert finished.returncode == 1
    assert "File too large" in finished.stderr
    assert "Traceback" not in finished.stderr
    assert list((tmp_path / "out").iterdir()) == []
