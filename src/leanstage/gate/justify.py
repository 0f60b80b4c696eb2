"""Writing a justification: where its author may, bound to the decision that it answers."""

import getpass
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from leanstage.contracts import Approver, Decision, Grounds, Justification, ModelPolicy, RunContext
from leanstage.errors import InputError, LeanstageError
from leanstage.gate.justification import write_once_params
from leanstage.gate.keeping import CONTEXT, DECISION
from leanstage.gate.standing import approver_at, places
from leanstage.registry import runs
from leanstage.registry.client import connect, experiment_id, refusals
from leanstage.registry.permissions import Permissions, permissions

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
        experiment: where to log it; where None, the policy's experiment of the MLflow account
            that asks, else its first.
        attachments: files to keep beside it.

    Raises:
        InputError: the reason is too short, the decision speaks of another version, a date that
            is past or none, an attachment that is missing, or an account that the policy does not
            trust or MLflow does not let write there.
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
    kept = permissions()
    place = _place(context.policy, experiment, kept)
    justification = Justification(
        grounds=grounds,
        reason=reason.strip(),
        author=getpass.getuser() if kept is None else kept.account.name,
        decision_run_id=decision.run_id,
        source=source,
        baseline_digest=decision.baseline_digest,
        evidence_sha256=decision.evidence_sha256,
        policy_sha256=context.policy.sha256(),
        created=now.isoformat(timespec="seconds"),
        expires=last_day,
    )
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


def _place(policy: ModelPolicy, experiment: str | None, kept: Permissions | None) -> str:
    """The experiment to write to; refused here what the gate would refuse for its place."""
    approver = _own(policy, kept) if experiment is None else approver_at(experiment, policy)
    if approver is None:
        raise InputError(
            f"the policy {policy.name} accepts justifications in {places(policy)}"
            f"{f', not in {experiment}' if experiment else ''}; one elsewhere would not count."
        )
    if kept is not None:
        _require_author(approver, kept)
    return approver.experiment


def _own(policy: ModelPolicy, kept: Permissions | None) -> Approver | None:
    """The approver whose account this is, else the first."""
    own = [each for each in policy.approvers if kept and each.user == kept.account.name]
    return next(iter([*own, *policy.approvers]), None)


def _require_author(approver: Approver, kept: Permissions) -> None:
    me, place = kept.account.name, approver.experiment
    if approver.user is None:
        raise InputError(
            f"the policy names no account for {place}, and MLflow keeps permissions: the gate "
            "would refuse this; have the policy name its approver as user."
        )
    if approver.user != me:
        raise InputError(
            f"the policy accepts justifications in {place} from {approver.user}, and MLflow knows "
            f"you as {me}; have {approver.user} justify."
        )
    client = connect()
    with refusals():
        found = client.get_experiment_by_name(place)
    # Where it is missing, whoever makes it may write there.
    if found is not None and not kept.may_create_runs(me, str(found.experiment_id)):
        raise InputError(
            f"the account {me} may not write to the experiment {place}; have an administrator of "
            "MLflow let it edit that experiment, and nobody else."
        )


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
