"""What MLflow holds: versions that ask to be optimized, and the notes that the trigger keeps.

Webhooks are believed in nothing: every reconciliation reads here.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from leanstage.contracts import ModelVersion
from leanstage.registry.asking import CANDIDATE, STATUS_TAG, asks, of_one_version
from leanstage.registry.champions import STATE
from leanstage.registry.client import RegistryError, connect, pages, refusals
from leanstage.trigger.names import RunName, own_prefix
from leanstage.trigger.pulse import Step, each_page, go_on

log = logging.getLogger(__name__)

RUN_TAG = "leanstage.run"
ATTEMPT_TAG, REASON_TAG = "leanstage.attempt", "leanstage.reason"
NOTE_TAGS = (STATUS_TAG, RUN_TAG, ATTEMPT_TAG, REASON_TAG)
_VERDICT_TAG = "leanstage.verdict"
_PAGE = 1000
_OLDEST_FIRST = ["creation_timestamp ASC", "name ASC", "version_number ASC"]

Status = Literal["unconfigured", "queued", "running", "promoted", "blocked", "failed"]


@dataclass(frozen=True)
class Note:
    """What is noted on a version, as MLflow tags that everybody can see.

    Attributes:
        run: the run that the status speaks of; empty where there was none yet.
        attempt: its number.
        reason: one sentence where there is something to say.
    """

    status: Status
    run: str = ""
    attempt: int = 0
    reason: str = ""

    def tags(self) -> dict[str, str]:
        """The tags that say it; what is empty has none."""
        said = {
            STATUS_TAG: self.status,
            RUN_TAG: self.run,
            ATTEMPT_TAG: str(self.attempt) if self.attempt else "",
            REASON_TAG: self.reason,
        }
        return {key: value for key, value in said.items() if value}


@dataclass(frozen=True)
class Version:
    """One registered version that asks for optimization, or that something is noted on.

    ``tags`` are the trigger's own as they stand in MLflow, ``note`` is what they say where they
    speak of this very version: MLflow copies tags along with a version.
    """

    key: ModelVersion
    asks: bool
    tags: Mapping[str, str]
    note: Note | None

    @property
    def label(self) -> str:
        return f"{self.key.name}/{self.key.version}"


def read_versions(step: Step = go_on) -> list[Version]:
    """Every version that asks or carries a note, the oldest first.

    Left out are versions that a gate promoted (the champion may live in the candidate's own
    registered model), prompts, and versions that MLflow has not finished registering.

    Raises:
        RegistryError: MLflow cannot be read.
    """
    client = connect()
    aliased: dict[str, str | None] = {
        model.name: None if CANDIDATE not in model.aliases else str(model.aliases[CANDIDATE])
        for model in pages(each_page(client.search_registered_models, step), max_results=_PAGE)
    }
    # Pages are cut by position: in this order newcomers only join at the end.
    search = each_page(client.search_model_versions, step)
    found: dict[ModelVersion, Version] = {}
    for each in pages(search, max_results=_PAGE, order_by=_OLDEST_FIRST):
        if each.name not in aliased or each.status != "READY":
            continue
        version = version_of(each, candidate=aliased[each.name] == str(each.version))
        if version is not None:
            found[version.key] = version
    return sorted(found.values(), key=lambda v: (v.key.created_ms, v.key.name, int(v.key.version)))


def version_of(found: Any, *, candidate: bool) -> Version | None:
    """MLflow's version as ours; None where it is none of the trigger's business."""
    if STATE in found.tags or _VERDICT_TAG in found.tags:
        return None
    tags = {key: found.tags[key] for key in NOTE_TAGS if key in found.tags}
    asking = asks(found.tags, candidate=candidate)
    if not asking and not tags:
        return None
    key = ModelVersion(
        name=found.name, version=str(found.version), created_ms=found.creation_timestamp
    )
    return Version(key=key, asks=asking, tags=tags, note=_note(tags, key))


def write_note(version: Version, note: Note | None, step: Step = go_on) -> bool:
    """Bring the tags of a version in line with ``note``; False where this version refuses it.

    The status is written last: it stands only once everything that it speaks of does. A version
    that is gone by now, or that the account may not edit, is no reason to leave the others.

    Raises:
        RegistryError: MLflow does not answer.
    """
    wanted = {} if note is None else note.tags()
    changes = sorted(
        ((key, wanted.get(key)) for key in NOTE_TAGS if wanted.get(key) != version.tags.get(key)),
        key=lambda change: change[0] == STATUS_TAG,
    )
    client = connect()
    try:
        for key, value in changes:
            step()
            with refusals():
                if value is None:
                    client.delete_model_version_tag(version.key.name, version.key.version, key)
                else:
                    client.set_model_version_tag(version.key.name, version.key.version, key, value)
    except RegistryError as error:
        if not of_one_version(error):
            raise
        log.warning(
            "a status could not be noted", extra={"version": version.label, "why": str(error)}
        )
        return False
    return True


def count_by_status(versions: Iterable[Version]) -> dict[str, int]:
    """How many versions stand where."""
    counts = dict.fromkeys(get_args(Status), 0)
    for version in versions:
        if version.note is not None:
            counts[version.note.status] += 1
    return counts


def _note(tags: Mapping[str, str], key: ModelVersion) -> Note | None:
    """What the tags say, None where they were copied from another version or make no sense."""
    status, run = tags.get(STATUS_TAG), tags.get(RUN_TAG, "")
    if status not in get_args(Status):
        return None
    name = RunName.parse(run)
    if run and (name is None or name.own != own_prefix(key)):
        return None
    if not run and status not in ("unconfigured", "queued"):
        return None
    return Note(
        status=status,  # type: ignore[arg-type]
        run=run,
        attempt=name.attempt if name else 0,
        reason=tags.get(REASON_TAG, ""),
    )
