"""Submission: what ``leanstage submit`` writes with ``--json``."""

from typing import Literal

from leanstage.contracts.base import Contract
from leanstage.contracts.decision import Verdict

Source = Literal["mlflow", "state"]


class Submission(Contract):
    """A run on Kubeflow Pipelines, as far as it was followed.

    ``state`` is KFP's; ``verdict`` is null where none is known. ``told_by`` says where the end of
    the run was read: the gate's tags in MLflow, or the state of the KFP run alone; null while it
    runs. ``promoted`` is the version that serves now, as ``models:/name/1``.
    """

    pipeline: str
    name: str
    run_id: str
    experiment_id: str
    link: str
    state: str
    verdict: Verdict | None = None
    reasons: tuple[str, ...] = ()
    mlflow_run: str | None = None
    promoted: str | None = None
    told_by: Source | None = None
