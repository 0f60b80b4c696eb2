"""Justifications in MLflow: one run each, in an experiment where only approvers may write."""

import tempfile
from functools import cached_property

from leanstage.contracts import (
    Approver,
    Justification,
    JustificationUse,
    ModelPolicy,
    ModelVersion,
)
from leanstage.errors import InputError, LeanstageError
from leanstage.gate.justification import RecordedJustification
from leanstage.gate.justify import JUSTIFICATION, Written, justify
from leanstage.gate.standing import NO_PERMISSIONS, Standing, approver_at
from leanstage.registry.client import RegistryError, connect, pages, quoted, refusals
from leanstage.registry.origins import Origin, origin
from leanstage.registry.permissions import Permissions, permissions

__all__ = [
    "JUSTIFICATION",
    "Written",
    "find_justifications",
    "justify",
    "require_not_taken_back",
]


def find_justifications(source: ModelVersion, policy: ModelPolicy) -> list[RecordedJustification]:
    """Justifications logged for a model version where the policy looks for them, newest first.

    Deleted runs and experiments are passed over: that is how an approver takes one back. What
    MLflow's permissions tell is asked only where there is something to examine, and once.

    Raises:
        RegistryError: MLflow cannot be searched.
    """
    client = connect()
    inquiry = _Inquiry(source)
    query = (
        f"params.model_name = {quoted(source.name)} and params.model_version = '{source.version}'"
    )
    found: list[tuple[int, RecordedJustification]] = []
    for place in dict.fromkeys(approver.experiment for approver in policy.approvers):
        with refusals():
            experiment = client.get_experiment_by_name(place)
        # A database may compare names without regard to case.
        if experiment is None or experiment.name != place:
            continue
        if experiment.lifecycle_stage != "active":
            continue
        search = pages(
            client.search_runs, experiment_ids=[experiment.experiment_id], filter_string=query
        )
        for run in search:
            recorded = RecordedJustification(
                justification=_document(run.info.run_id),
                run_id=run.info.run_id,
                experiment=place,
                experiment_id=str(experiment.experiment_id),
                finished=run.info.status == "FINISHED",
                params=run.data.params,
                standing=inquiry.standing(approver_at(place, policy), experiment.experiment_id),
            )
            found.append((run.info.start_time or 0, recorded))
    return [recorded for _, recorded in sorted(found, key=lambda item: item[0], reverse=True)]


def require_not_taken_back(use: JustificationUse) -> None:
    """Make sure that what a decision rests on still stands in MLflow as it was accepted.

    Raises:
        LeanstageError: its run or experiment was deleted or changed since, or cannot be asked for.
    """
    client = connect()
    with refusals():
        run = client.get_run(use.run_id)
        experiment = client.get_experiment(run.info.experiment_id)
    kept = _document(use.run_id)
    stands = (
        run.info.lifecycle_stage == experiment.lifecycle_stage == "active"
        and run.info.status == "FINISHED"
        and kept is not None
        and kept.sha256() == use.sha256
    )
    if not stands:
        raise LeanstageError(
            f"the justification {use.run_id}, on which the decision for the baseline rests, was "
            "taken back or changed since; have an approver justify it again, or promote an "
            "optimized variant."
        )


class _Inquiry:
    """What MLflow tells about the approvers of one version; nothing is asked twice."""

    def __init__(self, source: ModelVersion) -> None:
        self._source = source
        self._known: dict[str, Standing] = {}

    def standing(self, approver: Approver | None, experiment_id: str) -> Standing:
        """The permissions around an experiment; why they stay unknown, where MLflow refuses."""
        if experiment_id not in self._known:
            user = None if approver is None else approver.user
            try:
                self._known[experiment_id] = self._asked(user, experiment_id)
            except RegistryError as error:
                # Not told is not allowed: the gate refuses what is not known to be right.
                why = str(error).rstrip(".")
                self._known[experiment_id] = Standing(kept=True, approver=user, refused=why)
        return self._known[experiment_id]

    @cached_property
    def _permissions(self) -> Permissions | None:
        return permissions()

    @cached_property
    def _origin(self) -> Origin:
        return origin(self._source)

    def _asked(self, user: str | None, experiment_id: str) -> Standing:
        kept = self._permissions
        if kept is None:
            return NO_PERMISSIONS
        if user is None:
            return Standing(kept=True)
        writers = kept.editors(experiment_id)
        return Standing(
            kept=True,
            approver=user,
            may_write=user in writers.users,
            is_admin=user in writers.admins,
            is_gate=user == kept.account.name,
            other_writers=tuple(
                name for name in writers.users if name not in (user, kept.account.name)
            ),
            edits_source=self._edited(kept, user),
        )

    def _edited(self, kept: Permissions, user: str) -> tuple[str, ...]:
        models = (
            f"the source model {name}"
            for name in self._origin.models
            if kept.may_edit_model(user, name)
        )
        experiments = (
            f"the experiment {each} that the source version comes from"
            for each in self._origin.experiments
            if kept.may_edit_experiment(user, each)
        )
        return (*models, *experiments)


def _document(run_id: str) -> Justification | None:
    """The document of a run; None where it is gone or broken, which the gate refuses."""
    import mlflow

    with tempfile.TemporaryDirectory(prefix="leanstage-justification-") as scratch:
        try:
            path = mlflow.artifacts.download_artifacts(
                run_id=run_id, artifact_path=JUSTIFICATION, dst_path=scratch
            )
            return Justification.load(path)
        except (InputError, OSError, mlflow.exceptions.MlflowException):
            return None
