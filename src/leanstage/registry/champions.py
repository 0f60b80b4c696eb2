"""Who is champion: an append-only history of versions, and the alias that follows it.

MLflow cannot compare and set. What it does atomically is to number the versions of a registered
model: a promotion claims its place by creating a version, and of two claims the lower number wins.
The champion is the highest version in the state ``promoted``; the alias is set to it last, and by
every later promotion or rollback again, so that a crash in between is repaired.
"""

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from leanstage.contracts import ModelVersion
from leanstage.registry.client import CHAMPION, RegistryError, connect, pages, quoted, refusals
from leanstage.registry.runs import alive, runner_name
from leanstage.registry.versions import aliased

STATE = "leanstage.state"
DECISION = "leanstage.decision"
REPLACED = "leanstage.replaced"
COLLECTED = "leanstage.collected"
"""The day on which the bytes of a version, or of the candidates of a run, were collected."""
_OWNER, _CLAIMED = "leanstage.owner", "leanstage.claimed"
LEASE = timedelta(minutes=15)
"""After this long a claim that was not settled counts as crashed."""


class ChampionError(RegistryError):
    """Somebody else promotes at the same time, or did so since the decision."""


@dataclass(frozen=True)
class Entry:
    """One version of the history."""

    version: ModelVersion
    state: str
    tags: dict[str, str]
    description: str = ""

    @property
    def number(self) -> int:
        return int(self.version.version)


def history(name: str) -> list[Entry]:
    """Versions of ``name`` that a gate wrote, the newest first."""
    search = pages(connect().search_model_versions, filter_string=f"name = {quoted(name)}")
    found = [
        Entry(
            version_of(version),
            version.tags[STATE],
            dict(version.tags),
            version.description or "",
        )
        for version in search
        if STATE in version.tags
    ]
    return sorted(found, key=lambda entry: -entry.number)


def champion(name: str) -> ModelVersion | None:
    """The version that serves, or would but for a promotion that crashed before its last step.

    Where no gate has promoted anything yet, what the alias points at.
    """
    promoted = promoted_entries(history(name))
    return promoted[0].version if promoted else aliased(name, CHAMPION)


def promoted_entries(entries: Sequence[Entry]) -> list[Entry]:
    """The champions so far, the present one first."""
    return [entry for entry in entries if entry.state == "promoted"]


def claim_tags(decision: str, replaced: ModelVersion | None) -> dict[str, str]:
    """Tags with which a version is created to claim the next place."""
    return {
        STATE: "pending",
        DECISION: decision,
        REPLACED: f"{replaced.name}/{replaced.version}" if replaced else "none",
        _OWNER: runner_name(os.getpid()),
        _CLAIMED: datetime.now(UTC).isoformat(timespec="seconds"),
    }


def require_free(name: str, expected: ModelVersion | None, *, mine: ModelVersion | None) -> None:
    """Make sure that nobody else is promoting and that the champion is still the expected one.

    Claims that crashed are marked as abandoned. Before a claim ``mine`` is None; after it, only
    claims with a lower number stand in its way.

    Raises:
        ChampionError: a live claim stands in the way, or the champion is another by now.
    """
    entries = history(name)
    for entry in entries:
        if entry.state != "pending" or entry.version == mine:
            continue
        if not _live(entry):
            set_state(entry.version, "abandoned")
        elif mine is None or entry.number < int(mine.version):
            until = _until(entry).strftime("%H:%M UTC")
            raise ChampionError(
                f"another promotion of {name} is under way (version {entry.number}, claimed by "
                f"{entry.tags.get(_OWNER, 'nobody')}); wait for it and decide again. If it was "
                f"killed, it can be taken over from {until} on."
            )
    promoted = promoted_entries(entries)
    now = promoted[0].version if promoted else aliased(name, CHAMPION)
    if now != expected:
        raise ChampionError(
            f"the champion of {name} is {_numbered(now)}; the decision was made when it was "
            f"{_numbered(expected)}: run again, so that the candidate is held against it."
        )


def set_state(version: ModelVersion, state: str) -> None:
    """Mark a version as ``pending``, ``promoted`` or ``abandoned``."""
    with refusals():
        connect().set_model_version_tag(version.name, version.version, STATE, state)


def take_over(version: ModelVersion) -> None:
    """Make a crashed claim one's own."""
    client = connect()
    with refusals():
        for key, value in (
            (_OWNER, runner_name(os.getpid())),
            (_CLAIMED, datetime.now(UTC).isoformat(timespec="seconds")),
        ):
            client.set_model_version_tag(version.name, version.version, key, value)


def is_live(entry: Entry) -> bool:
    """Whether the process that claimed this place may still be at it."""
    return entry.state == "pending" and _live(entry)


def settle(name: str) -> ModelVersion:
    """Point the alias at the champion and read it back; returns the champion.

    Raises:
        RegistryError: there is none, or the alias does not stay where it was put.
    """
    now = champion(name)
    if now is None:
        raise RegistryError(f"{name} has no champion; promote a variant first.")
    client = connect()
    with refusals():
        client.set_registered_model_alias(name, CHAMPION, now.version)
    found, after = aliased(name, CHAMPION), champion(name)
    if found != after:
        raise RegistryError(
            f"the alias {CHAMPION} of {name} points at version {_numbered(found)} after it was set "
            f"to {now.version}; somebody else moves it: look who, then promote again."
        )
    return now


def version_of(found: Any) -> ModelVersion:
    """MLflow's version as ours."""
    return ModelVersion(
        name=found.name, version=str(found.version), created_ms=found.creation_timestamp
    )


def _live(entry: Entry) -> bool:
    host, _, pid = entry.tags.get(_OWNER, "").rpartition(":")
    if host == socket.gethostname() and pid.isdigit() and not alive(int(pid)):
        return False
    return datetime.now(UTC) < _until(entry)


def _until(entry: Entry) -> datetime:
    try:
        return datetime.fromisoformat(entry.tags[_CLAIMED]) + LEASE
    except (KeyError, ValueError):
        return datetime.min.replace(tzinfo=UTC)


def _numbered(version: ModelVersion | None) -> str:
    return f"version {version.version}" if version else "none"
