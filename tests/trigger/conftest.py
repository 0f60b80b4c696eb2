"""Versions in MLflow, and a trigger that has Kubeflow to itself."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from leanstage.registry.client import connect
from leanstage.trigger.backends.kfp import KfpBackend
from leanstage.trigger.reconcile import Reconciler
from leanstage.trigger.settings import Settings
from tests.kfp_server import KfpServer

POLICY = {
    "name": "reviews",
    "models": ["reviews*"],
    "train": "s3://data/train.jsonl",
    "evaluation": "s3://data/evaluation.jsonl",
    "evaluation_sha256": "0" * 64,
    "hardware": "serving-pool",
    "approvers": [{"experiment": "approvals"}],
}


@pytest.fixture
def policies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Writes the policy that holds; called again, another one holds."""
    folder = tmp_path / "policies"
    folder.mkdir()
    monkeypatch.setenv("LEANSTAGE_POLICY", str(folder))

    def write(**changes: Any) -> None:
        (folder / "reviews.yaml").write_text(yaml.safe_dump({**POLICY, **changes}))

    write()
    return write


@dataclass
class Cluster:
    """A trigger, the Kubeflow that it starts runs on, and the MLflow that it reads."""

    kfp: KfpServer
    settings: Settings

    def trigger(self) -> Reconciler:
        """A process that has been up for long, and remembers nothing."""
        return Reconciler(KfpBackend.of(self.settings), self.settings, began=-math.inf)

    def reconcile(self) -> None:
        self.trigger().reconcile()

    @property
    def names(self) -> list[str]:
        """Of all runs, the oldest first."""
        runs = sorted(self.kfp.runs.values(), key=lambda run: str(run["created_at"]))
        return [str(run["display_name"]) for run in runs]

    def end(self, name: str, state: str) -> None:
        self.kfp.set_state(self.kfp.run_named(name)["run_id"], state)


@pytest.fixture
def cluster(
    kfp_server: KfpServer,
    mlflow_here: str,
    policies: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> Cluster:
    """One user, one namespace, no pause between attempts."""
    monkeypatch.setenv("LEANSTAGE_KFP_HOST", kfp_server.uri)
    return Cluster(kfp_server, Settings(retry_seconds=0))


def register(name: str, *, alias: bool = True, **tags: str) -> str:
    """Register the next version of a model; it is the candidate unless told otherwise."""
    client: Any = connect()
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name)
    dotted = {key.replace("__", "."): value for key, value in tags.items()}
    version = client.create_model_version(name, "s3://models/reviews", tags=dotted)
    if alias:
        client.set_registered_model_alias(name, "candidate", version.version)
    return str(version.version)


def tags(name: str, version: str) -> dict[str, str]:
    """What the trigger noted on a version, without the prefix."""
    found = connect().get_model_version(name, version).tags
    noted = ("status", "run", "attempt", "reason")
    return {key: found[f"leanstage.{key}"] for key in noted if f"leanstage.{key}" in found}


def leave_evidence(request: str, *, experiment: str = "leanstage", **tags: str) -> str:
    """The MLflow run that the tasks of a run would have left; returns its id."""
    client: Any = connect()
    found = client.get_experiment_by_name(experiment)
    where = found.experiment_id if found else client.create_experiment(experiment)
    dotted = {f"leanstage.{key}": value for key, value in tags.items()}
    run = client.create_run(where, tags={"leanstage.request": request, **dotted})
    return str(run.info.run_id)


def justify(name: str, version: str, *, experiment: str = "approvals") -> str:
    """A finished run as `leanstage justify` logs it, where the policy looks."""
    client: Any = connect()
    found = client.get_experiment_by_name(experiment)
    where = found.experiment_id if found else client.create_experiment(experiment)
    run_id = client.create_run(where).info.run_id
    client.log_param(run_id, "model_name", name)
    client.log_param(run_id, "model_version", version)
    client.set_terminated(run_id)
    return str(run_id)
