"""MLflow runs: one a pipeline run, holding its evidence."""

import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from leanstage.registry.client import connect, experiment_id, pages, refusals, runs_experiment

if TYPE_CHECKING:
    from mlflow import MlflowClient

RUN_VARIABLE = "MLFLOW_RUN_ID"
RUNNER_VARIABLE = "LEANSTAGE_RUNNER"
RUNNER_TAG = "leanstage.runner"
REQUEST_TAG = "leanstage.request"


def runner_name(pid: int) -> str:
    """Names a process that runs pipelines on this machine."""
    return f"{socket.gethostname()}:{pid}"


def start_run(name: str, params: Mapping[str, str], *, request: str = "") -> str:
    """Start a run, or join the one that the platform already started; returns its id.

    Whoever asked for it by a name of its own, ``request``, finds it again by that name.
    """
    client = connect()
    runner = os.environ.get(RUNNER_VARIABLE)
    with refusals():
        run_id = os.environ.get(RUN_VARIABLE)
        if not run_id:
            experiment = experiment_id(client, runs_experiment())
            _close_orphans(client, experiment)
            tags = {RUNNER_TAG: runner} if runner else {}
            run = client.create_run(experiment, run_name=name, tags=tags)
            run_id = str(run.info.run_id)
        if request:
            client.set_tag(run_id, REQUEST_TAG, request)
        for key, value in params.items():
            client.log_param(run_id, key, value)
    return run_id


def _close_orphans(client: "MlflowClient", experiment: str) -> None:
    """Close runs whose runner on this machine was killed before it could close them."""
    query = "attributes.status = 'RUNNING'"
    for run in pages(client.search_runs, experiment_ids=[experiment], filter_string=query):
        host, _, pid = run.data.tags.get(RUNNER_TAG, "").rpartition(":")
        if host == socket.gethostname() and not alive(int(pid)):
            client.set_terminated(run.info.run_id, "KILLED")


def alive(pid: int) -> bool:
    """Whether a process of this machine is there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def end_run(run_id: str, status: str) -> None:
    """Close a run: ``FINISHED``, ``FAILED`` or ``KILLED``."""
    with refusals():
        connect().set_terminated(run_id, status)


def log_file(run_id: str, path: Path, folder: str | None = None) -> None:
    """Keep one file with a run."""
    with refusals():
        connect().log_artifact(run_id, str(path), folder)


def log_folder(run_id: str, path: Path, folder: str) -> None:
    """Keep a folder with a run."""
    with refusals():
        connect().log_artifacts(run_id, str(path), folder)


def log_metrics(run_id: str, metrics: Mapping[str, float]) -> None:
    """Keep figures with a run."""
    client = connect()
    with refusals():
        for key, value in metrics.items():
            client.log_metric(run_id, key, value)


def set_tags(run_id: str, tags: Mapping[str, str]) -> None:
    """Label a run."""
    client = connect()
    with refusals():
        for key, value in tags.items():
            client.set_tag(run_id, key, value)


def tags_of(run_id: str) -> dict[str, str]:
    """The labels of a run."""
    client = connect()
    with refusals():
        return dict(client.get_run(run_id).data.tags)


def fetch_artifacts(run_id: str, target: Path) -> Path:
    """Download everything that is kept with a run."""
    import mlflow

    connect()
    target.mkdir(parents=True, exist_ok=True)
    with refusals():
        return Path(mlflow.artifacts.download_artifacts(f"runs:/{run_id}/", dst_path=str(target)))


def fetch_artifact(run_id: str, name: str, target: Path) -> Path:
    """Download one file that is kept with a run."""
    import mlflow

    connect()
    with refusals():
        return Path(
            mlflow.artifacts.download_artifacts(
                run_id=run_id, artifact_path=name, dst_path=str(target)
            )
        )
