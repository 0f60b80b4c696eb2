"""`leanstage audit`: what it prints, writes and logs, and its exit codes."""

import json
from functools import partial
from pathlib import Path

import pytest
from mlflow import MlflowClient

from leanstage.cli import auditing
from leanstage.contracts import Audit
from tests.audit.kubernetes_api import kubeconfig
from tests.command import Command


@pytest.fixture
def leanstage(
    command: Command, monkeypatch: pytest.MonkeyPatch, mlflow_here: str, tmp_path: Path
) -> Command:
    # A cluster of whoever runs the tests is nothing to read.
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)

    return partial(command, "audit")


@pytest.fixture
def client(mlflow_here: str) -> MlflowClient:
    """Of an MLflow in which one version serves that nobody looked at."""
    client = MlflowClient(mlflow_here, registry_uri=mlflow_here)
    client.create_registered_model("old[red]")
    client.create_model_version("old[red]", source="s3://nowhere/at/all")
    client.set_registered_model_alias("old[red]", "champion", "1")
    return client


def test_a_complete_audit_ends_with_0(leanstage: Command, client: MlflowClient) -> None:
    code, out, _ = leanstage()
    assert code == 0
    assert "old[red]" in out
    assert "Of 1 serving version or workload, 0 (0%) were evaluated" in out


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


def test_volumes_give_what_is_left_to_save_and_problems_are_told(
    leanstage: Command, client: MlflowClient, tmp_path: Path
) -> None:
    volumes = tmp_path / "volumes.csv"
    volumes.write_text("model,requests_per_day\nold[red],1000\n")
    code, out, _ = leanstage(
        "--volume", str(volumes), "--prometheus", "http://user:secret@127.0.0.1:9/[bold]"
    )
    assert code == 1
    assert "Not read: Prometheus at http://127.0.0.1:9/[bold] cannot be reached" in out
    assert "secret" not in out
    assert "No saving is estimated: of nothing that is left to optimize" in out


def test_a_file_of_volumes_that_is_none_is_refused(
    leanstage: Command, client: MlflowClient, tmp_path: Path
) -> None:
    code, _, err = leanstage("--volume", str(tmp_path / "none.csv"))
    assert code == 2
    assert "none.csv cannot be read" in err


def test_the_cluster_is_read_unless_it_is_left_out(
    leanstage: Command, client: MlflowClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path / "config", "http://127.0.0.1:9")))
    code, out, _ = leanstage("--namespace", "team-a")
    assert code == 1
    assert "Not read: Kubernetes at http://127.0.0.1:9 cannot be reached" in out
    code, out, _ = leanstage("--no-cluster")
    assert code == 0
    assert "Kubernetes" not in out


def test_a_long_table_ends_somewhere(
    leanstage: Command, client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.create_registered_model("second")
    client.create_model_version("second", source="s3://nowhere/at/all")
    client.set_registered_model_alias("second", "champion", "1")
    monkeypatch.setattr(auditing, "_ROWS", 1)
    _, out, _ = leanstage()
    assert "The first 1 of 2; --out writes all." in out


def test_a_run_is_asked_for_unless_it_is_a_dry_one(
    leanstage: Command, client: MlflowClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("{name: old, models: [old*], train: s3://a/b, evaluation: s3://a/c}\n")
    monkeypatch.setenv("LEANSTAGE_POLICY", str(policy))
    code, out, err = leanstage("--submit", "1", "--dry-run", "--json")
    assert code == 0
    assert Audit.parse(out, where="stdout").complete
    assert "old[red]/1 (champion): a run under the policy 'old'" in err
    assert client.get_model_version("old[red]", "1").tags == {}
    leanstage("--submit", "1")
    assert client.get_model_version("old[red]", "1").tags == {"leanstage.optimize": "true"}
    _, _, err = leanstage("--submit", "1")
    assert "old[red]/1 (champion): no run; it asks already." in err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--dry-run",), "--dry-run goes with --submit"),
        (("--no-cluster", "--namespace", "a"), "exclude each other"),
    ],
)
def test_options_that_would_do_nothing_are_refused(
    leanstage: Command, arguments: tuple[str, ...], told: str
) -> None:
    code, out, err = leanstage(*arguments)
    assert code != 0
    assert told in err
    assert out == ""


def test_a_name_forges_no_line(leanstage: Command, client: MlflowClient, tmp_path: Path) -> None:
    client.create_registered_model("x\nforged")
    client.create_model_version("x\nforged", source="s3://nowhere/at/all")
    client.set_registered_model_alias("x\nforged", "champion", "1")
    _, _, err = leanstage("--submit", "9", "--dry-run", "--out", str(tmp_path / "o[/b]"))
    assert "x forged/1" in err
    assert "o[/b]" in err
