"""`leanstage audit`: what it prints, writes and logs, and its exit codes."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient

from leanstage.cli import main
from leanstage.contracts import Audit

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def leanstage(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], embedded_mlflow: str
) -> Command:
    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["leanstage", "audit", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        written = capsys.readouterr()
        return int(ended.value.code or 0), written.out, written.err

    return run


@pytest.fixture
def client(embedded_mlflow: str) -> MlflowClient:
    """Of an MLflow in which one version serves that nobody looked at."""
    client = MlflowClient(embedded_mlflow, registry_uri=embedded_mlflow)
    client.create_registered_model("old[red]")
    client.create_model_version("old[red]", source="s3://nowhere/at/all")
    client.set_registered_model_alias("old[red]", "champion", "1")
    return client


def test_a_complete_audit_ends_with_0(leanstage: Command, client: MlflowClient) -> None:
    code, out, _ = leanstage()
    assert code == 0
    assert "old[red]" in out
    assert "Of 1 serving model, 0 (0%) were evaluated" in out


def test_an_incomplete_one_ends_with_1_and_says_so(
    leanstage: Command, client: MlflowClient
) -> None:
    for key, value in (("leanstage.state", "promoted"), ("leanstage.digest", "0" * 64)):
        client.set_model_version_tag("old[red]", "1", key, value)
    code, out, _ = leanstage()
    assert code == 1
    assert "Incomplete: 1 could not be read." in out


def test_json_is_the_document_alone(leanstage: Command, client: MlflowClient) -> None:
    code, out, _ = leanstage("--json", "--alias", "production")
    assert code == 0
    found = Audit.parse(out, where="stdout")
    assert found.aliases == ("champion", "production")
    assert [entry.status for entry in found.entries] == ["never-evaluated"]


def test_files_are_written_and_logged(
    leanstage: Command, client: MlflowClient, tmp_path: Path
) -> None:
    code, _, err = leanstage("--out", str(tmp_path / "out"), "--log")
    assert code == 0
    names = {"audit.json", "audit.csv", "audit.html"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == names
    assert json.loads((tmp_path / "out/audit.json").read_text())["complete"] is True
    experiment = client.get_experiment_by_name("leanstage-audit")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.run_id in err
    assert {each.path for each in client.list_artifacts(run.info.run_id)} == names
    assert run.data.metrics["models"] == 1
    assert run.data.tags["leanstage.complete"] == "true"
