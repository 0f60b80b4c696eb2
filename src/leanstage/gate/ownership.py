"""Are its places the gate's own? Whoever else may write there could rule or promote."""

from leanstage.calibrate import is_name
from leanstage.calibrate.profiles import EXPERIMENT
from leanstage.contracts import ModelPolicy
from leanstage.errors import LeanstageError
from leanstage.gate.policies import IN_MLFLOW
from leanstage.registry.client import RegistryError, connect, experiment_id, refusals
from leanstage.registry.permissions import permissions
from leanstage.registry.versions import ensure_registered

_NAMED = 3


def shared(policy: ModelPolicy, name: str) -> bool:
    """Whether the champion lives in the candidate's own registered model."""
    return policy.promoted_to(name) == name and not policy.require_permissions


def foreign_policies(place: str) -> str | None:
    """Who but the gate may write where its policies live, as a sentence; None where nobody may.

    Args:
        place: where the policy came from; only an experiment of MLflow can be asked about.
    """
    if not place.startswith(IN_MLFLOW):
        return None
    return _foreign(place.removeprefix(IN_MLFLOW), "policies")


def foreign_profiles(policy: ModelPolicy) -> str | None:
    """The same of the hardware profiles, where the policy names one that MLflow holds."""
    if policy.hardware is None or not is_name(policy.hardware):
        return None
    return _foreign(EXPERIMENT, "hardware profiles")


def _foreign(name: str, what: str) -> str | None:
    try:
        kept = permissions()
        if kept is None:
            return None
        client = connect()
        with refusals():
            experiment = client.get_experiment_by_name(name)
        if experiment is None:
            return f"MLflow has no experiment {name!r} to read {what} from."
        writers = kept.content_editors(str(experiment.experiment_id)).users
    except RegistryError as error:
        return f"Who may write {what} in the experiment {name} is not known: {error}"
    others = [user for user in writers if user != kept.account.name]
    if not others:
        return None
    return f"The {what} in the experiment {name} can be written to by {_named(others)}."


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
        ("experiment", "promoted_experiment", kept.content_editors(experiment).users),
        ("registered model", "promoted_model", kept.model_editors(model).users),
    ):
        others = [user for user in editors if user != kept.account.name]
        if others:
            where = model if key == "promoted_model" else policy.promoted_experiment
            raise LeanstageError(
                f"the {place} {where}, which holds what is promoted, can be written to by "
                f"{_named(others)}; take their permission away, or name another {key} in the "
                "policy."
            )


def _named(users: list[str]) -> str:
    return ", ".join(users[:_NAMED]) + (" and others" if len(users) > _NAMED else "")
