"""Asking for what an audit found to be missing: versions are tagged, and the trigger starts runs.

The trigger starts one run for each version that asks, however often it is asked, under the policy
that covers the model, and no more at a time than the cluster has room for.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from leanstage.audit import words
from leanstage.cluster import on_cluster
from leanstage.contracts import AuditEntry
from leanstage.errors import InputError
from leanstage.gate.policies import covering, lacking, policies_here
from leanstage.registry.asking import CANDIDATE, OPTIMIZE_TAG, STATUS_TAG, asks, of_one_version
from leanstage.registry.champions import STATE
from leanstage.registry.client import RegistryError, connect, quoted, refusals

if TYPE_CHECKING:
    from mlflow import MlflowClient

_DONE = ("optimized", "justified")
_TOLD = 20


@dataclass(frozen=True)
class Asked:
    """What became of one version that stands high in an audit.

    Attributes:
        policy: the policy that its run will have; empty where it is not asked for.
        why: why it is not asked for.
    """

    entry: AuditEntry
    policy: str = ""
    why: str = ""


def ask(entries: Sequence[AuditEntry], most: int, *, write: bool = True) -> list[Asked]:
    """Ask for runs of the first versions that are neither optimized nor justified.

    Those that cannot be asked for are passed over and told of, so that ``most`` are asked for as
    long as there are any.

    Args:
        entries: in the order of the audit.
        most: how many to ask for.
        write: False tells what would be asked for.

    Raises:
        InputError: the policies cannot be read.
        RegistryError: MLflow does not answer.
    """
    return list(_asked(entries, most, write)) if most > 0 else []


def told(answers: Sequence[Asked]) -> Iterator[str]:
    """A line for every version that is asked for, and for the first that are passed over."""
    passed = [answer for answer in answers if not answer.policy]
    for answer in answers:
        if answer.policy:
            yield f"{words.name(answer.entry)}: a run under the policy {answer.policy!r}"
    for answer in passed[:_TOLD]:
        yield f"{words.name(answer.entry)}: no run; {answer.why}"
    if len(passed) > _TOLD:
        yield f"and {len(passed) - _TOLD:,} more without a run"


def _asked(entries: Sequence[AuditEntry], most: int, write: bool) -> Iterator[Asked]:
    client = connect()
    kept, where = policies_here()
    left = most
    for entry in entries:
        if entry.status in _DONE:
            continue
        try:
            policy = covering(kept, entry.model, where)
        except InputError as error:
            yield Asked(entry, why=str(error))
            continue
        lacks = lacking(policy, hardware=on_cluster())
        why = lacks or _hindered(client, entry) or (write and _tagged(client, entry))
        if why:
            yield Asked(entry, why=why)
            continue
        yield Asked(entry, policy=policy.name)
        left -= 1
        if not left:
            return


def _hindered(client: "MlflowClient", entry: AuditEntry) -> str:
    """Why the trigger would start nothing new for a version."""
    if entry.version is None:
        return "no registered version stands behind it; register it first."
    try:
        with refusals():
            version = client.get_model_version(entry.model, entry.version)
            noted = _noted(dict(version.tags))
            if noted:
                return noted
            if asks(version.tags, candidate=CANDIDATE in version.aliases):
                return "it asks already."
            if not client.search_registered_models(f"name = {quoted(entry.model)}"):
                return (
                    "a tag hides its model as a prompt, also from the trigger; take the tag away."
                )
    except RegistryError as error:
        # What has no cause in MLflow is a name that its filters cannot carry.
        if error.__cause__ is not None and not of_one_version(error):
            raise
        return str(error)
    return ""


def _noted(tags: Mapping[str, str]) -> str:
    """What a gate or the trigger has noted on a version that the trigger starts nothing for."""
    if STATE in tags:
        source = tags.get("leanstage.source", "NAME/VERSION")
        return (
            "a gate promoted it, so the trigger leaves it alone; start a run of what it was made "
            f"from: leanstage submit --param model=models:/{source}"
        )
    status = tags.get(STATUS_TAG)
    return f"the trigger has it already: {status}." if status else ""


def _tagged(client: "MlflowClient", entry: AuditEntry) -> str:
    """Have a version ask; why that is not possible, where so."""
    try:
        with refusals():
            client.set_model_version_tag(entry.model, entry.version, OPTIMIZE_TAG, "true")
    except RegistryError as error:
        if not of_one_version(error):
            raise
        return str(error)
    return ""
