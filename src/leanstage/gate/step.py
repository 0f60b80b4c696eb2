"""The gate step: rule on a dossier under the policy that holds, sign the ruling, keep it."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from leanstage import progress
from leanstage.calibrate import find_profile
from leanstage.contracts import Champion, Decision, HardwareProfile, ModelPolicy, RunContext
from leanstage.errors import InputError, LeanstageError
from leanstage.gate.approvals import find_justifications
from leanstage.gate.dossier import Dossier
from leanstage.gate.evidence import known_digest
from leanstage.gate.ownership import foreign_policies, foreign_profiles, shared
from leanstage.gate.policies import Placed, disagreement, policy_for
from leanstage.gate.record import keep_decision
from leanstage.gate.verdict import decide
from leanstage.registry import champions
from leanstage.registry.client import RegistryError, embedded
from leanstage.registry.permissions import permissions
from leanstage.registry.versions import DIGEST_TAG
from leanstage.uris import shown

UNKNOWN = "0" * 64
"""Stands for the digest of a champion that was promoted without one."""


Carding = Callable[[Dossier, Decision, ModelPolicy], str]
"""Writes the model card of what a decision promotes, in Markdown."""


def rule(dossier: Dossier, carding: Carding | None = None) -> Decision:
    """Judge the candidates, sign the decision and keep it with the MLflow run.

    Args:
        carding: writes the model card, which is signed with a decision that promotes.
    """
    context = dossier.context()
    placed, untrusted = _policy(context)
    policy = placed.policy
    progress.step("looking for justifications")
    justifications = find_justifications(context.source, policy)
    evidence = dossier.evidence(
        now=datetime.now(UTC),
        guarantee=guarantee(placed, context.source.name),
        champion=champion_now(context),
        untrusted=untrusted,
    )
    progress.step("judging the candidates")
    decision = decide(evidence, policy, justifications)
    dossier.announce()
    progress.step(decision.sentence)
    promoted = _promoted(dossier, decision)
    card = carding(dossier, decision, policy) if carding and promoted else None
    keep_decision(decision, policy, promoted, card)
    return decision


def champion_now(context: RunContext) -> Champion | None:
    """What serves now; its digest as ``resolve`` hashed it, or as the gate that promoted it did."""
    name = context.policy.promoted_to(context.source.name)
    version = champions.champion(name)
    if version is None:
        return None
    pinned = context.champion
    if pinned is not None and pinned.version == version:
        return pinned
    tags = {entry.version: entry.tags for entry in champions.history(name)}.get(version, {})
    return Champion(version=version, digest=known_digest(tags.get(DIGEST_TAG)) or UNKNOWN)


def guarantee(placed: Placed, name: str) -> str:
    """What the installation can promise about a decision on the model ``name``."""
    if embedded():
        return (
            "Embedded MLflow without users: the decision is signed and recorded, but whoever may "
            "write to this folder could have written the policy, the evidence or the justification."
        )
    rules = (
        f"the policy comes from {placed.where}, where submitters cannot write"
        if placed.trusted
        else "the policy is the one that the run states"
    )
    try:
        kept = permissions() is not None
    except RegistryError as error:
        return f"MLflow server: {rules}, but its permissions are not known: {error}"
    if not kept:
        return (
            f"MLflow server without permissions: {rules}, but whoever reaches the server could "
            "have written the evidence or the justification."
        )
    text = (
        f"MLflow server with permissions: {rules}, and a justification counts only where its "
        "approver alone may write"
    )
    if shared(placed.policy, name):
        text += "; but whoever may edit the model can move the alias of its champion"
    return f"{text}."


def _policy(context: RunContext) -> tuple[Placed, str | None]:
    """The policy to judge under, and why the run's own cannot be trusted, where so."""
    try:
        placed = policy_for(context.source.name, context.policy)
    except InputError as error:
        return Placed(context.policy, "the run", False), str(error)
    return placed, (
        disagreement(context.policy, placed)
        or foreign_policies(placed.where)
        or foreign_profiles(placed.policy)
        or _other_hardware(placed.policy, context.hardware)
    )


def _other_hardware(policy: ModelPolicy, hardware: HardwareProfile) -> str | None:
    """In a sentence, where the run was planned for other hardware than its policy names."""
    if policy.hardware is None:
        return None
    try:
        named = find_profile(policy.hardware)
    except LeanstageError as error:
        return str(error)
    if named.same_node(hardware):
        return None
    return (
        f"The run is planned for {hardware.kind()}; the policy {policy.name} names the hardware "
        f"{shown(policy.hardware)}, which is {named.kind()}."
    )


def _promoted(dossier: Dossier, decision: Decision) -> Path | None:
    if decision.promoted is None:
        return None
    if decision.promoted == "baseline":
        return dossier.baseline
    return dossier.candidates[decision.promoted].variant
