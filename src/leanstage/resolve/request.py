"""What a run asks for, held against the policy that covers its model."""

import re
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from urllib.parse import urlsplit

from leanstage.calibrate import AUTO
from leanstage.contracts import Deploy, ModelPolicy
from leanstage.errors import InputError
from leanstage.gate.policies import disagreement, policy_for
from leanstage.registry.sources import Source
from leanstage.uris import shown

NAMED = {
    "train": "train data",
    "validation": "validation data",
    "unlabelled": "unlabelled data",
    "production": "production data",
    "evaluation": "evaluation data",
    "student": "student",
}
"""What a policy may name by URI, beside the hardware, and what a message calls it."""


@dataclass(frozen=True)
class Request:
    """What the user asked for; every field is a URI, a name, or empty."""

    model: str
    train: str
    evaluation: str
    validation: str = ""
    unlabelled: str = ""
    production: str = ""
    student: str = ""
    """Checkpoint to distill into, as a URI like that of the model."""
    policy: str = ""
    name: str = ""
    deploy: str = "optimized"
    hardware: str = AUTO
    """Profile of what serves, by name, path or URI; ``auto`` is what the policy says, else here."""
    request: str = ""
    """What whoever started the run calls it."""


def policy_of(name: str, stated: ModelPolicy | None) -> ModelPolicy:
    """The policy that holds for the model; a run that states another is refused."""
    placed = policy_for(name, stated)
    policy = placed.policy
    if stated is not None and (objection := disagreement(stated, placed)) is not None:
        raise InputError(f"{objection} Leave the policy out (policy.untrusted).")
    if not any(fnmatchcase(name, pattern) for pattern in policy.models):
        raise InputError(
            f"the policy {policy.name!r} covers {', '.join(policy.models)}, not {name!r}; use the "
            "policy that was made for this model."
        )
    return policy


def agreed(request: Request, policy: ModelPolicy) -> Request:
    """The request with what the policy names of data, student and hardware; others are refused."""
    changes = {}
    if policy.hardware is not None:
        if request.hardware not in (AUTO, policy.hardware):
            raise InputError(
                f"the run asks for the hardware {shown(request.hardware)}; the policy "
                f"{policy.name!r} names {shown(policy.hardware)}: leave it out "
                "(policy.untrusted)."
            )
        changes["hardware"] = policy.hardware
    for part in NAMED:
        asked, named = getattr(request, part), getattr(policy, part)
        if named is None:
            continue
        if asked and asked != named:
            raise InputError(
                f"the run asks for {shown(asked)} as {NAMED[part]}; the policy "
                f"{policy.name!r} names {shown(named)}: leave it out (policy.untrusted)."
            )
        changes[part] = named
    return replace(request, **changes)


def deploy_of(value: str) -> Deploy:
    """``optimized`` or ``baseline``; anything else is refused."""
    if value == "optimized":
        return "optimized"
    if value == "baseline":
        return "baseline"
    raise InputError(f"{value!r} cannot be deployed; ask for 'optimized' or 'baseline'.")


def model_name(request: Request, source: Source) -> str:
    """The registered model: as asked, as MLflow knows it, or after the last part of the URI."""
    if source.version is not None:
        if request.name and request.name != source.version.name:
            raise InputError(
                f"{request.model} is a version of {source.version.name!r}, not of "
                f"{request.name!r}; leave the name out."
            )
        return source.version.name
    name = request.name or Path(urlsplit(source.pinned).path.rstrip("/")).name.partition("@")[0]
    if not re.fullmatch(r"[\w .-]+", name):
        raise InputError(
            f"{name!r} cannot name a registered model; pass a name of letters, digits, '.', '_' "
            "and '-'."
        )
    return name
