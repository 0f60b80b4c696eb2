"""Who may write where a justification was found, and does that make it one of an approver?"""

from dataclasses import dataclass

from leanstage.contracts import Approver, ModelPolicy

_NAMED = 3
"""Accounts to name in a sentence."""

_ASK = "Give the gate's account what it lacks to ask MLflow's permissions, then decide again."
_SEPARATE = "Have an approver justify who neither administers MLflow nor may edit the source."


@dataclass(frozen=True)
class Standing:
    """The permissions around one experiment, as they were collected for the gate.

    Attributes:
        kept: whether MLflow keeps permissions; all else is empty where it keeps none.
        approver: account that all of this was asked about; None where the policy names none.
        may_write: whether the approver may write to the experiment.
        is_admin: whether the approver is an administrator of MLflow.
        is_gate: whether the gate itself uses the approver's account.
        other_writers: accounts besides approver, administrators and gate that may write there.
        edits_source: what the approver may edit of the source version, each as a clause.
        refused: why MLflow did not tell, as a clause; then nothing else here counts.
    """

    kept: bool
    approver: str | None = None
    may_write: bool = False
    is_admin: bool = False
    is_gate: bool = False
    other_writers: tuple[str, ...] = ()
    edits_source: tuple[str, ...] = ()
    refused: str | None = None


NO_PERMISSIONS = Standing(kept=False)
"""What an MLflow without accounts can tell: nothing."""


@dataclass(frozen=True)
class Unauthorised:
    """Why a justification does not count as an approver's, as a clause, and what to do."""

    why: str
    remedy: str


def approver_at(experiment: str, policy: ModelPolicy) -> Approver | None:
    """Whom the policy trusts for an experiment of exactly this name."""
    return next((found for found in policy.approvers if found.experiment == experiment), None)


def places(policy: ModelPolicy) -> str:
    """Where the policy accepts justifications: ``approvals-ada or approvals-bo``."""
    return " or ".join(approver.experiment for approver in policy.approvers) or "nowhere"


def unauthorised(
    experiment: str, experiment_id: str, standing: Standing, policy: ModelPolicy
) -> Unauthorised | None:
    """None where only the approver of the policy can have written to the experiment."""
    approver = approver_at(experiment, policy)
    if approver is None:
        return Unauthorised(
            f"does not count: the policy accepts justifications in {places(policy)}",
            "Have an approver log it where only approvers may write.",
        )
    if approver.experiment_id not in (None, experiment_id):
        return Unauthorised(
            f"does not count: the policy accepts justifications in the experiment with the id "
            f"{approver.experiment_id}, and this one, of the same name, has the id {experiment_id}",
            "Have an approver log it in the experiment that the policy names.",
        )
    if standing.refused is not None:
        return Unauthorised(f"cannot be trusted: {standing.refused}", _ASK)
    if standing.kept is not True:
        if not policy.require_permissions:
            return None
        return Unauthorised(
            "does not count: the policy requires permissions, and this MLflow keeps none",
            "Run the MLflow server with its basic-auth app, or change the policy.",
        )
    if approver.user is None or standing.approver != approver.user:
        return Unauthorised(
            "does not count: the policy names no account that alone may write there",
            f"Name it in the policy as the user of the approver {experiment}.",
        )
    return _dependent(approver.user, standing)


def _dependent(user: str, standing: Standing) -> Unauthorised | None:
    """Why an approver does not stand alone in his experiment, or not apart from the source."""
    if standing.is_gate is not False:
        return Unauthorised(f"does not count: the gate itself runs as {user}", _SEPARATE)
    if standing.is_admin is not False:
        return Unauthorised(
            f"does not count: its approver {user} is an administrator of MLflow, who may edit "
            "every model",
            _SEPARATE,
        )
    if standing.may_write is not True:
        return Unauthorised(
            f"cannot be trusted: the account {user}, its approver, does not exist or may not "
            "write there",
            f"Let {user} edit the experiment in MLflow, and nobody else.",
        )
    if standing.other_writers:
        return Unauthorised(
            f"cannot be trusted: besides {user}, {_listed(standing.other_writers)} may write there",
            f"Have {user} justify in a new experiment that an administrator made and only {user} "
            "may edit.",
        )
    if standing.edits_source:
        return Unauthorised(
            f"does not count: its approver {user} may edit {' and '.join(standing.edits_source)}",
            _SEPARATE,
        )
    return None


def _listed(names: tuple[str, ...]) -> str:
    rest = len(names) - _NAMED
    if rest > 0:
        return f"{', '.join(names[:_NAMED])} and {rest} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
