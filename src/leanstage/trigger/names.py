"""Names of runs: the same version under the same policy always gets the same names."""

import re
from dataclasses import dataclass

from leanstage.contracts import ModelVersion
from leanstage.contracts.base import sha256_json

_SLUG = 40
_NAME = re.compile(
    r"(?P<own>leanstage-[a-z0-9-]+-v[0-9]+-[0-9a-f]{8})-(?P<policy>[0-9a-f]{6})"
    r"-a(?P<attempt>[0-9]{1,4})(?:-decide-a(?P<decide>[0-9]{1,4}))?"
    r"(?:-rejudge-(?P<justification>[0-9a-f]{8})-a(?P<again>[0-9]{1,4}))?"
)
DECIDE, REJUDGE = "-decide", "-rejudge-"


def own_prefix(version: ModelVersion) -> str:
    """What the names of all runs of a version begin with, and of no other's.

    Name, number and time of registration go in as a hash: a model that is deleted and registered
    again starts anew, and two names that look alike stay apart.
    """
    slug = re.sub(r"[^a-z0-9]+", "-", version.name.lower()).strip("-")[:_SLUG].strip("-") or "model"
    key = sha256_json([version.name, version.version, version.created_ms])[:8]
    return f"leanstage-{slug}-v{version.version}-{key}"


def stem(version: ModelVersion, policy_sha256: str) -> str:
    """The name of the runs of a version under one policy, without the attempt."""
    return f"{own_prefix(version)}-{policy_sha256[:6]}"


def attempt_name(stem: str, attempt: int) -> str:
    """The name of one attempt."""
    return f"{stem}-a{attempt}"


@dataclass(frozen=True)
class RunName:
    """A name taken apart."""

    text: str
    own: str
    policy: str
    attempt: int
    """Of the last part: the one to count up."""
    stem: str
    """The name without its last attempt."""
    step: str
    """``main`` (deploy or optimize), ``decide`` or ``rejudge``."""
    judged: str
    """The run whose MLflow run holds the verdict."""
    justification: str | None

    @classmethod
    def parse(cls, text: str) -> "RunName | None":
        """The parts of a name of ours, None for any other."""
        found = _NAME.fullmatch(text)
        if found is None:
            return None
        step = "rejudge" if found["justification"] else "decide" if found["decide"] else "main"
        number = found["again"] or found["decide"] or found["attempt"]
        return cls(
            text=text,
            own=found["own"],
            policy=found["policy"],
            attempt=int(number),
            stem=text[: -len(f"-a{number}")],
            step=step,
            judged=text.partition(REJUDGE)[0],
            justification=found["justification"],
        )
