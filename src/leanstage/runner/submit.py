"""Runs on a cluster, started from here: checked, named, followed, and how they ended."""

import os
import secrets
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from leanstage.contracts import Submission
from leanstage.errors import InputError, LeanstageError
from leanstage.registry.client import URI_VARIABLE
from leanstage.runner.kfp_client import Kubeflow, KubeflowError
from leanstage.runner.parameters import REQUEST, Spec

ENDED = frozenset({"SUCCEEDED", "FAILED", "SKIPPED", "CANCELED"})
POLL_SECONDS = 5.0
PATIENCE_SECONDS = 600.0
"""How long Kubeflow Pipelines may be away while a run is followed."""
BLOCKED = "BLOCKED"


@dataclass(frozen=True)
class Task:
    """A task of the run: its name in the graph, its state, its seconds so far."""

    name: str
    state: str
    seconds: float
    error: str


class Board(Protocol):
    """Shows the tasks of a run as they go."""

    def update(self, tasks: Iterable[Task]) -> None: ...


def run_name(pipeline: str) -> str:
    """A name that no other run has."""
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    return f"leanstage-{pipeline}-{stamp}-{secrets.token_hex(3)}"


def start(
    kubeflow: Kubeflow,
    pipeline: str,
    package: Path,
    spec: Spec,
    parameters: Mapping[str, Any],
    *,
    name: str,
    experiment: str,
    service_account: str | None = None,
) -> Submission:
    """Create the run, in an experiment that is made where it is missing.

    Raises:
        InputError: a run of this name is there already, and its verdict would be taken for ours.
        KubeflowError: it was not created, or that is not known.
    """
    experiment_id = kubeflow.experiment(experiment)
    if _named(kubeflow, name, experiment_id) is not None:
        raise InputError(f"{experiment} has a run named {name} already; give another --name.")
    declared = spec["root"].get("inputDefinitions", {}).get("parameters", {})
    request = {REQUEST: name} if REQUEST in declared else {}
    try:
        run = kubeflow.create_run(
            name,
            experiment_id=experiment_id,
            parameters={**parameters, **request},
            package=package,
            service_account=service_account,
        )
    except KubeflowError as error:
        if not error.unanswered:
            raise
        run = _unanswered(kubeflow, name, experiment_id, error)
    return Submission(
        pipeline=pipeline,
        name=name,
        run_id=run.run_id,
        experiment_id=experiment_id,
        link=kubeflow.link(run.run_id),
        state=run.state or "PENDING",
    )


def _unanswered(kubeflow: Kubeflow, name: str, experiment_id: str, error: KubeflowError) -> Any:
    """The run whose creation got no clear answer: a second one would train all over again."""
    with suppress(KubeflowError):
        run = _named(kubeflow, name, experiment_id)
        if run is not None:
            return run
    said = f"answered {error.status}" if error.status else "did not answer"
    raise KubeflowError(
        f"Kubeflow Pipelines at {kubeflow.connection.host} {said}, so it is not known whether the "
        f"run {name} was created; look for it there, or submit again with --name {name}, which is "
        "refused where it was.",
        status=error.status,
    ) from error


def _named(kubeflow: Kubeflow, name: str, experiment_id: str) -> Any:
    # KFP compares names without regard to case.
    found = kubeflow.runs(names=[name], experiment_id=experiment_id)
    return next((run for run in found if run.display_name == name), None)


def follow(kubeflow: Kubeflow, submission: Submission, spec: Spec, board: Board) -> Any:
    """Wait for a run to end and show its tasks meanwhile; returns it (V2beta1Run).

    Raises:
        KubeflowError: KFP refuses, or was away for longer than ten minutes.
    """
    away_since: float | None = None
    while True:
        try:
            run = kubeflow.run(submission.run_id)
        except KubeflowError as error:
            away_since = away_since or time.monotonic()
            if not error.transient or time.monotonic() - away_since > PATIENCE_SECONDS:
                raise
        else:
            away_since = None
            board.update(tasks_of(run, spec))
            if run.state in ENDED:
                return run
        time.sleep(POLL_SECONDS)


def tasks_of(run: Any, spec: Spec) -> list[Task]:
    """The tasks of a run that are nodes of the pipeline, without the drivers beside them."""
    nodes = {
        alias: about["taskInfo"]["name"]
        for key, about in spec["root"]["dag"]["tasks"].items()
        for alias in (key, about["taskInfo"]["name"])
    }
    details = run.run_details.task_details if run.run_details else None
    return [
        Task(
            name=nodes[detail.display_name],
            state=detail.state or "PENDING",
            seconds=_seconds(detail),
            error=(detail.error.message or "") if detail.error else "",
        )
        for detail in details or []
        if detail.display_name in nodes
    ]


def _seconds(detail: Any) -> float:
    if detail.start_time is None:
        return 0.0
    end = detail.end_time or datetime.now(UTC)
    return float(max(0.0, (end - detail.start_time).total_seconds()))


def ended(
    submission: Submission, run: Any, spec: Spec, parameters: Mapping[str, Any]
) -> Submission:
    """How a run ended: its verdict as the gate noted it in MLflow, else what its state tells.

    Raises:
        RegistryError: MLflow is named but cannot be asked.
    """
    submission = submission.model_copy(update={"state": run.state, "told_by": "state"})
    if not os.environ.get(URI_VARIABLE):
        return submission
    kept = _kept(submission, parameters)
    judged = run.state == "SUCCEEDED" or any(
        task.name == "gate" and task.state == "SUCCEEDED" for task in tasks_of(run, spec)
    )
    if kept is None:
        return submission
    mlflow_run, tags = kept
    # Without its gate, the tags are those of an earlier judgement of the same run.
    verdict = tags.get("leanstage.verdict") if judged else None
    reasons = tags.get("leanstage.reasons", "none") if verdict else "none"
    return submission.model_copy(
        update={
            "mlflow_run": mlflow_run,
            "verdict": verdict,
            "reasons": () if reasons == "none" else tuple(reasons.split(",")),
            "promoted": tags.get("leanstage.promoted") if run.state == "SUCCEEDED" else None,
            "told_by": "mlflow" if verdict else "state",
        }
    )


def _kept(submission: Submission, parameters: Mapping[str, Any]) -> tuple[str, Any] | None:
    from leanstage.registry.requests import run_of_request
    from leanstage.registry.runs import tags_of

    if submission.pipeline == "rejudge":
        return parameters["run_id"], tags_of(parameters["run_id"])
    found = run_of_request(submission.name)
    return None if found is None else (found.run_id, found.tags)


def failure(submission: Submission, tasks: Iterable[Task]) -> LeanstageError:
    """Why a run that did not end well ended so, in one sentence."""
    failed = [task for task in tasks if task.state == "FAILED"]
    if submission.state == "CANCELED":
        return LeanstageError(f"the run was stopped by somebody; see {submission.link}.")
    if submission.told_by == "state" and [task.name for task in failed] == ["promote"]:
        return LeanstageError(
            "the run failed at promote, as it does where the verdict is BLOCKED; name the MLflow "
            f"server in {URI_VARIABLE} to be told, or read the report: {submission.link}."
        )
    where = f" at {failed[0].name}" if failed else ""
    reason = f": {failed[0].error.strip().partition(chr(10))[0]}" if failed else ""
    return LeanstageError(f"the run failed{where}{reason.rstrip('.')}; see {submission.link}.")
