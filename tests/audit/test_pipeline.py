"""The pipeline of the audit, task by task in processes of their own, on the embedded MLflow."""

import json
import re
from pathlib import Path

import pytest
import yaml
from mlflow import MlflowClient

from leanstage.audit.step import _fetched, ask_for_runs, take_inventory
from leanstage.contracts import Audit
from leanstage.errors import InputError, LeanstageError
from leanstage.runner.local import Run, run_pipeline

POLICY = {"name": "old", "models": ["old*"], "train": "s3://a/b", "evaluation": "s3://a/c"}


class Quiet:
    def start(self, stage: str) -> None: ...

    def step(self, message: str, fraction: float | None) -> None: ...

    def end(self, stage: str, seconds: float) -> None: ...


@pytest.fixture
def client(mlflow_here: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    """Of an MLflow in which two versions serve; the evidence of one is gone."""
    client = MlflowClient(mlflow_here, registry_uri=mlflow_here)
    for name in ("old-a", "old-b"):
        client.create_registered_model(name)
        client.create_model_version(name, source="s3://nowhere/at/all")
        client.set_registered_model_alias(name, "production", "1")
    client.set_model_version_tag("old-b", "1", "leanstage.state", "promoted")
    path = tmp_path / "policy.yaml"
    path.write_text(yaml.safe_dump(POLICY), encoding="utf-8")
    monkeypatch.setenv("LEANSTAGE_POLICY", str(path))
    return client


def test_the_page_is_there_the_run_is_red_and_the_first_model_asks(
    client: MlflowClient, mlflow_here: str, tmp_path: Path
) -> None:
    volumes = tmp_path / "volumes.csv"
    volumes.write_text("model,requests_per_day\nold-a,1000\n", encoding="utf-8")
    run = Run(tmp_path / "run")
    asked = {"aliases": "production, shadow", "volumes": str(volumes), "submit": 1}
    run_pipeline("audit", asked, run=run, tracking_uri=mlflow_here, listener=Quiet())
    assert run.error is not None
    assert "the audit is not complete: 1 could not be read" in str(run.error)
    (folder,) = (run.folder / "pipeline").glob("*/inventory")
    audit = Audit.load(folder / "audit")
    assert audit.aliases == ("champion", "production", "shadow")
    assert {entry.model: entry.requests_per_year for entry in audit.entries} == {
        "old-a": 365_000.0,
        "old-b": None,
    }
    assert (folder / "html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert "| old-a/1 (production) | Never evaluated |" in (folder / "markdown").read_text("utf-8")
    assert (folder / "table").read_text(encoding="utf-8").startswith("model,")
    kept = client.get_run(run.outputs["audit_run"])
    assert kept.data.metrics["models"] == 2
    assert client.get_model_version("old-a", "1").tags == {"leanstage.optimize": "true"}


def test_an_audit_that_is_complete_ends_well(client: MlflowClient, tmp_path: Path) -> None:
    client.delete_model_version_tag("old-b", "1", "leanstage.state")
    figures = take_inventory(
        aliases="production",
        volumes="",
        prometheus="",
        cluster=False,
        document=tmp_path / "audit",
        table=tmp_path / "table",
        html=tmp_path / "html",
        markdown=tmp_path / "markdown",
    )
    assert (figures["models"], figures["rest"], figures["complete"]) == (2, 2, 1.0)
    ask_for_runs(Audit.load(tmp_path / "audit"), 0)
    broken = json.loads((tmp_path / "audit").read_text(encoding="utf-8"))
    broken |= {"complete": False, "problems": ["The cluster cannot be read."]}
    with pytest.raises(LeanstageError, match=r"1 could not be read, such as: The cluster cannot"):
        ask_for_runs(Audit.model_validate(broken), 0)


@pytest.mark.parametrize("uri", ["http://user:hunter2@127.0.0.1:9/v.csv?sig=SECRET", "none://x"])
def test_no_key_of_the_address_of_volumes_is_told(uri: str) -> None:
    with pytest.raises(InputError, match="cannot be read") as refused, _fetched(uri):
        pass
    assert not {"hunter2", "SECRET"} & set(re.findall(r"\w+", str(refused.value)))
    assert refused.value.__suppress_context__


def test_volumes_are_known_by_no_query_of_their_address(tmp_path: Path) -> None:
    (tmp_path / f"v.csv?sig={'a' * 200}").write_text("model,requests_per_day\n", encoding="utf-8")
    with _fetched(f"local://{tmp_path}/v.csv?sig={'a' * 200}") as path:
        assert path is not None
        assert path.name == "volumes.csv"


def test_volumes_that_are_not_there_are_one_sentence(client: MlflowClient, tmp_path: Path) -> None:
    missing = tmp_path / "volumes.csv"
    with pytest.raises(InputError, match=r"The volumes .*volumes\.csv cannot be read"):
        take_inventory(
            aliases="",
            volumes=str(missing),
            prometheus="",
            cluster=False,
            document=tmp_path / "audit",
            table=tmp_path / "table",
            html=tmp_path / "html",
            markdown=tmp_path / "markdown",
        )
