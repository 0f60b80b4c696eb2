"""Which policy covers which model, read anew for every reconciliation."""

from collections.abc import Iterable

from leanstage.errors import InputError, LeanstageError
from leanstage.gate.policies import covering, lacking, policies_here
from leanstage.trigger.planning import Policy


class PolicyError(LeanstageError):
    """The policies cannot be read, so nothing is known of any model."""


def policies_of(
    names: Iterable[str], *, split: bool, hardware: bool = False
) -> dict[str, Policy | str]:
    """The policy for each model, or in a sentence why the trigger cannot run it.

    Args:
        split: whether optimizing and deciding are two runs.
        hardware: whether the policy has to say what serves.

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
        lacks = lacking(policy, split=split, hardware=hardware)
        found[name] = lacks or Policy(policy, hashes[policy.name])
    return found
