"""Is the place of promotion the gate's own? Whoever else may write there could promote."""

from leanstage.contracts import ModelPolicy
from leanstage.errors import LeanstageError
from leanstage.registry.client import connect, experiment_id
from leanstage.registry.permissions import permissions
from leanstage.registry.versions import ensure_registered

_NAMED = 3


def shared(policy: ModelPolicy, name: str) -> bool:
    """Whether the champion lives in the candidate's own registered model."""
    return policy.promoted_to(name) == name and not policy.require_permissions


def require_own(policy: ModelPolicy, name: str) -> None:
    """Make the place of promotion where it is missing, and refuse it where others may write to it.

    Asked only where MLflow keeps permissions, and where the policy gives the gate a place of its
    own. Administrators may write everywhere.

    Raises:
        LeanstageError: somebody else may write there.
        RegistryError: MLflow does not tell.
    """
    if shared(policy, name):
        return
    kept = permissions()
    if kept is None:
        return
    model = policy.promoted_to(name)
    client = connect()
    experiment = experiment_id(client, policy.promoted_experiment)
    ensure_registered(client, model)
    for place, key, editors in (
        ("experiment", "promoted_experiment", kept.editors(experiment).users),
        ("registered model", "promoted_model", kept.model_editors(model).users),
    ):
        others = [user for user in editors if user != kept.account.name]
        if others:
            named = ", ".join(others[:_NAMED]) + (" and others" if len(others) > _NAMED else "")
            where = model if key == "promoted_model" else policy.promoted_experiment
            raise LeanstageError(
                f"the {place} {where}, which holds what is promoted, can be written to by {named}; "
                f"take their permission away, or name another {key} in the policy."
            )
