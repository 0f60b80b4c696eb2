"""Runs on Kubeflow Pipelines: pinned IR, deterministic names, asked for before created."""

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from leanstage.errors import InputError
from leanstage.runner.kfp_client import Connection, Kubeflow, KubeflowError
from leanstage.trigger.backends.base import ACTIVE, Job, Place, Started, State
from leanstage.trigger.pulse import Step, go_on
from leanstage.trigger.settings import Settings

NAMES_A_REQUEST = 50
"""A filter travels in the address, whose length servers limit."""
IN_PROGRESS = ("PENDING", "RUNNING", "PAUSED", "CANCELING", "RUNTIME_STATE_UNSPECIFIED")
_ENDED: Mapping[str, State] = {
    "SUCCEEDED": "SUCCEEDED",
    "FAILED": "FAILED",
    "SKIPPED": "FAILED",
    "CANCELED": "CANCELED",
}


class KfpBackend:
    """One KFP, in which optimizing and deciding may have a namespace each."""

    def __init__(
        self,
        places: Mapping[Place, Kubeflow],
        *,
        experiment: str,
        service_accounts: Mapping[Place, str],
        packages: Path | None = None,
    ) -> None:
        self._places = places
        self._folder = packages
        self._experiment = experiment
        self._service_accounts = service_accounts
        self._experiments: dict[str, str] = {}

    @classmethod
    def of(cls, settings: Settings) -> "KfpBackend":
        """The backend that the settings and ``LEANSTAGE_KFP_HOST`` name."""
        user = Kubeflow(Connection.of(namespace=settings.namespace))
        apart = settings.gate_namespace and settings.gate_namespace != settings.namespace
        gate = Kubeflow(Connection.of(namespace=settings.gate_namespace)) if apart else user
        account = settings.gate_service_account or settings.service_account
        return cls(
            {"user": user, "gate": gate},
            experiment=settings.experiment,
            service_accounts={"user": settings.service_account, "gate": account},
            packages=settings.packages,
        )

    def active(self) -> dict[str, Started]:
        found: dict[str, Started] = {}
        try:
            for reached, experiment in self._experiments_of_ours():
                for run in reached.runs(states=list(IN_PROGRESS), experiment_id=experiment):
                    # Names of other starters may repeat; each counts.
                    key = run.run_id if run.display_name in found else run.display_name
                    found[key] = _started(run)
        except KubeflowError:
            # It may be that an experiment was deleted and has another id by now.
            self._experiments.clear()
            raise
        return {key: run for key, run in found.items() if run.state == ACTIVE}

    def find(self, names: Iterable[str], step: Step = go_on) -> dict[str, Started]:
        wanted = sorted(set(names))
        found: dict[str, Started] = {}
        for reached, experiment in self._experiments_of_ours():
            for start in range(0, len(wanted), NAMES_A_REQUEST):
                step()
                some = wanted[start : start + NAMES_A_REQUEST]
                for run in reached.runs(names=some, experiment_id=experiment):
                    # KFP compares names without regard to case; the oldest of a name is the one.
                    if run.display_name in some:
                        found[run.display_name] = _started(run)
        return found

    def create(self, job: Job) -> Started:
        reached = self._places[job.place]
        made = reached.create_run(
            job.name,
            experiment_id=self._experiment_of(reached),
            parameters=job.arguments,
            package=self._package(job.pipeline),
            service_account=self._service_accounts[job.place] or None,
        )
        return _started(made)

    def _experiments_of_ours(self) -> Iterator[tuple[Kubeflow, str]]:
        for reached in {id(each): each for each in self._places.values()}.values():
            yield reached, self._experiment_of(reached)

    def _experiment_of(self, reached: Kubeflow) -> str:
        """Asked once: an experiment keeps its id for as long as it exists."""
        key = reached.connection.namespace
        if key not in self._experiments:
            self._experiments[key] = reached.experiment(self._experiment)
        return self._experiments[key]

    def _package(self, pipeline: str) -> Path:
        """The compiled pipeline: as the installation pinned it, else of this very release."""
        if self._folder is not None:
            path = self._folder / f"{pipeline}.yaml"
            if not path.is_file():
                raise InputError(
                    f"{path} is not there; let LEANSTAGE_TRIGGER_PACKAGES name the folder with the "
                    "pipelines that `leanstage compile` wrote."
                )
            return path
        return _of_this_release(pipeline)


@cache
def _of_this_release(pipeline: str) -> Path:
    from leanstage.runner.packages import compiled

    path = Path(_packages().name) / f"{pipeline}.yaml"
    compiled(pipeline, path)
    return path


@cache
def _packages() -> tempfile.TemporaryDirectory[str]:
    """Kept for as long as the process runs, and removed with it."""
    return tempfile.TemporaryDirectory(prefix="leanstage-packages-")


def _started(run: Any) -> Started:
    finished: datetime | None = run.finished_at
    # KFP writes the epoch for a run that has not ended.
    ended = finished if finished is not None and finished.timestamp() > 0 else None
    return Started(
        name=run.display_name,
        state=_ENDED.get(run.state or "", ACTIVE),
        created=run.created_at,
        finished=ended,
    )
