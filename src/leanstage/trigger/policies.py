"""Which policy covers which model, read anew for every reconciliation."""

from collections.abc import Iterable

from leanstage.contracts import ModelPolicy
from leanstage.errors import InputError, LeanstageError
from leanstage.gate.policies import covering, policies_here
from leanstage.trigger.planning import Policy


class PolicyError(LeanstageError):
    """The policies cannot be read, so nothing is known of any model."""


def policies_of(names: Iterable[str], *, split: bool) -> dict[str, Policy | str]:
    """The policy for each model, or in a sentence why the trigger cannot run it.

    Raises:
        PolicyError: the place of the policies cannot be read.
    """
    try:
        kept, where = policies_here()
    except LeanstageError as error:
        raise PolicyError(str(error)) from error
    hashes = {policy.name: policy.sha256() for policy in kept}
    found: dict[str, Policy | str] = {}
    for name in set(names):
        try:
            policy = covering(kept, name, where)
        except InputError as error:
            found[name] = str(error)
            continue
        missing = _missing(policy, split=split)
        found[name] = missing or Policy(policy, hashes[policy.name])
    return found


def _missing(policy: ModelPolicy, *, split: bool) -> str | None:
    """What a run would need of the policy, since nobody is there to name it."""
    needed = ["train", "evaluation", *(["evaluation_sha256"] if split else [])]
    missing = [name for name in needed if getattr(policy, name) is None]
    if not missing:
        return None
    return (
        f"the policy {policy.name!r} names no {' and no '.join(missing)}; set it there, since "
        "nobody names data for a run that starts by itself."
    )
