"""Justifications in MLflow: one run each, in an experiment where only approvers may write."""

import getpass
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from leanstage.contracts import Decision, Grounds, Justification, ModelVersion, RunContext
from leanstage.errors import InputError, LeanstageError
from leanstage.gate.dossier import CONTEXT, DECISION
from leanstage.gate.justification import RecordedJustification, write_once_params
from leanstage.registry import runs
from leanstage.registry.client import connect, experiment_id, pages, quoted, refusals

JUSTIFICATION = "justification.json"
VALID_DAYS = 90
MIN_REASON = 10


@dataclass(frozen=True)
class Written:
    """Where a justification was logged."""

    run_id: str
    experiment: str
    expires: str


def justify(
    *,
    model: str,
    version: str,
    decision_run_id: str,
    grounds: Grounds,
    reason: str,
    expires: str | None = None,
    experiment: str | None = None,
    attachments: Sequence[Path] = (),
) -> Written:
    """Log why the baseline that a decision blocked may ship.

    The run's params are written first and cannot be changed later; the document is valid only
    while it hashes to them.

    Args:
        model: registered model of the baseline, which the decision must speak of.
        version: its version.
        decision_run_id: MLflow run that holds the decision.
        expires: last day of validity, ISO; 90 days from now where None.
        experiment: where to log it; the policy's first approver where None.
        attachments: files to keep beside it.

    Raises:
        InputError: the reason is too short, the decision speaks of another version, a date that
            is past or none, or an attachment that is missing.
    """
    if len(reason.strip()) < MIN_REASON:
        raise InputError("the reason is too short; say in a sentence why the baseline must ship.")
    for path in attachments:
        if not path.is_file():
            raise InputError(f"{path} is not a file; name evidence that exists.")
    now = datetime.now(UTC)
    last_day = _last_day(expires, now)
    decision, context = _decision_of(decision_run_id)
    source = decision.source
    if decision.baseline_digest is None:
        raise InputError(
            f"the decision in run {decision_run_id} had no baseline to judge; a justification "
            "cannot help: run the pipeline again."
        )
    if (source.name, source.version) != (model, version):
        raise InputError(
            f"the decision in run {decision_run_id} speaks of {source.name} version "
            f"{source.version}, not of {model} version {version}."
        )
    justification = Justification(
        grounds=grounds,
        reason=reason.strip(),
        author=getpass.getuser(),
        decision_run_id=decision.run_id,
        source=source,
        baseline_digest=decision.baseline_digest,
        evidence_sha256=decision.evidence_sha256,
        policy_sha256=context.policy.sha256(),
        created=now.isoformat(timespec="seconds"),
        expires=last_day,
    )
    place = experiment or context.policy.approvers[0]
    client = connect()
    with refusals():
        run = client.create_run(
            experiment_id(client, place), run_name=f"{source.name}/{source.version}"
        )
        run_id = str(run.info.run_id)
        for name, value in write_once_params(justification).items():
            client.log_param(run_id, name, value)
    with tempfile.TemporaryDirectory(prefix="leanstage-justify-") as scratch:
        runs.log_file(run_id, justification.save(Path(scratch) / JUSTIFICATION))
    for path in attachments:
        runs.log_file(run_id, path, "evidence")
    runs.end_run(run_id, "FINISHED")
    return Written(run_id, place, last_day)


def _decision_of(run_id: str) -> tuple[Decision, RunContext]:
    with tempfile.TemporaryDirectory(prefix="leanstage-decision-") as scratch:
        try:
            decision = runs.fetch_artifact(run_id, DECISION, Path(scratch))
            context = runs.fetch_artifact(run_id, CONTEXT, Path(scratch))
        except (LeanstageError, OSError) as error:
            raise InputError(
                f"MLflow holds no decision under {run_id}; give the MLflow run that the blocked "
                f"run printed ({error})"
            ) from error
        return Decision.load(decision), RunContext.load(context)


def _last_day(expires: str | None, now: datetime) -> str:
    if expires is None:
        return (now + timedelta(days=VALID_DAYS)).date().isoformat()
    try:
        day = date.fromisoformat(expires)
    except ValueError:
        raise InputError(f"{expires!r} is not a date; write it as YYYY-MM-DD.") from None
    if day < now.date():
        raise InputError(f"{expires} is past; a justification that has expired accepts nothing.")
    return expires


def find_justifications(
    source: ModelVersion, experiments: Sequence[str]
) -> list[RecordedJustification]:
    """Justifications logged for a model version, newest first."""
    import mlflow

    client = connect()
    found: list[tuple[int, RecordedJustification]] = []
    for name in experiments:
        with refusals():
            experiment = client.get_experiment_by_name(name)
        if experiment is None:
            continue
        query = (
            f"params.model_name = {quoted(source.name)} "
            f"and params.model_version = '{source.version}'"
        )
        search = pages(
            client.search_runs, experiment_ids=[experiment.experiment_id], filter_string=query
        )
        for run in search:
            with tempfile.TemporaryDirectory(prefix="leanstage-justification-") as scratch:
                document = None
                try:
                    path = mlflow.artifacts.download_artifacts(
                        run_id=run.info.run_id, artifact_path=JUSTIFICATION, dst_path=scratch
                    )
                    document = Justification.load(path)
                except (InputError, OSError, mlflow.exceptions.MlflowException):
                    pass  # the gate refuses a run whose document is gone or broken
            recorded = RecordedJustification(
                justification=document,
                run_id=run.info.run_id,
                experiment=name,
                finished=run.info.status == "FINISHED",
                params=run.data.params,
            )
            found.append((run.info.start_time, recorded))
    return [recorded for _, recorded in sorted(found, key=lambda item: item[0], reverse=True)]
