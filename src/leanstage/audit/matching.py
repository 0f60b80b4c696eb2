"""What serves on a cluster, matched to the registered versions that it was deployed from."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from leanstage.audit.decided import Decided
from leanstage.audit.deployed import Found
from leanstage.audit.inventory import Serving
from leanstage.audit.servers import is_local
from leanstage.contracts import AuditEntry, Deployed
from leanstage.delivery.address import read_address
from leanstage.errors import InputError
from leanstage.registry.champions import STATE
from leanstage.registry.client import RegistryError, connect, pages, refusals
from leanstage.registry.versions import DIGEST_TAG

_VERSION = re.compile(r"models:/+([^/@]+)/(\d+)")
_ALIAS = re.compile(r"models:/+([^/@]+)@([^/@]+)")
_DIGEST = re.compile(r"(?:sha256[-:]|@)([0-9a-f]{64})(?![0-9a-f])")
_STORED = re.compile(r"(?:^|/)(m-[0-9a-f]{32})(?:/|$)")
_OF_RUN = re.compile(r"(?:^|/)([0-9a-f]{32})/artifacts/([^'?]+?)/*$")

Examine = Callable[[Serving], AuditEntry]


@dataclass
class Matcher:
    """Joins workloads to the entries of an audit.

    A workload belongs to a version by what its storage says: ``models:/name/3`` or ``@alias``, a
    content digest, the id of a stored model, the run that logged it, or the very source.
    """

    examine: Examine
    decided: Decided
    now: datetime
    _entries: dict[tuple[str, str | None], AuditEntry] = field(default_factory=dict)
    _alone: list[AuditEntry] = field(default_factory=list)

    def joined(self, entries: Sequence[AuditEntry], found: Sequence[Found]) -> list[AuditEntry]:
        """The entries with what serves them, and those of workloads that belong to none."""
        self._entries = {(each.model, each.version): each for each in entries}
        for one in found:
            self._place(one)
        return [*self._entries.values(), *self._alone]

    def _place(self, one: Found) -> None:
        deployed = one.deployed
        if deployed.share_percent is not None:
            self._alone.append(self._earlier(one, deployed.share_percent))
        if one.disputed:
            text = (
                f"Its specification says that its model comes from {deployed.storage}, its "
                f"annotation leanstage.io/storage from {one.disputed}; take the annotation away."
            )
            self._alone.append(self._own(one, "unverifiable", text))
            return
        try:
            version = self._version(deployed)
        except RegistryError as error:
            self._alone.append(self._own(one, "unverifiable", _UNREAD, error=str(error)))
            return
        said = deployed.model
        astray = said in self.decided and (version is None or version.name != said)
        if said is not None and astray:
            self._alone.append(self._astray(one, said))
        elif version is None:
            self._alone.append(self._foreign(one))
        else:
            key = (version.name, str(version.version))
            entry = self._entries.get(key) or self.examine(Serving(*key, found=version))
            self._entries[key] = entry.model_copy(
                update={"served_by": (*entry.served_by, deployed)}
            )

    def _astray(self, one: Found, said: str) -> AuditEntry:
        """The entry of what is annotated with one model and serves something else."""
        return self._own(
            one,
            "drifted",
            f"It is to serve {said}, whose champion is version {self.decided[said]}; its storage "
            f"is {one.deployed.storage or 'not said'}: deploy the champion.",
        )

    def _foreign(self, one: Found) -> AuditEntry:
        """The entry of what belongs to no version."""
        deployed = one.deployed
        if deployed.storage is not None and deployed.storage.startswith("models:"):
            text = f"MLflow has no {deployed.storage}; deploy a version that there is."
            return self._own(one, "unverifiable", text)
        if deployed.storage is None or is_local(deployed.storage):
            where = deployed.storage or "nowhere that it says"
            return self._own(
                one,
                "unverifiable",
                f"Its model comes from {where}, which no registry can be asked about; annotate it "
                "with leanstage.io/model or leanstage.io/storage.",
            )
        return self._own(
            one,
            "never-evaluated",
            f"No registered version has {deployed.storage} as its source; register the model, and "
            "let a gate decide on it.",
        )

    def _earlier(self, one: Found, percent: int) -> AuditEntry:
        """The entry of the revision that a rollout has not replaced yet."""
        entry = self._own(
            one,
            "unverifiable",
            f"{100 - percent}% of the requests still go to an earlier revision, whose model the "
            f"{one.deployed.kind} no longer names; finish the rollout, or take it back.",
        )
        earlier = one.deployed.model_copy(update={"storage": None, "share_percent": 100 - percent})
        return entry.model_copy(
            update={"model": f"{entry.model} (earlier revision)", "served_by": (earlier,)}
        )

    def _own(self, one: Found, status: str, reason: str, error: str | None = None) -> AuditEntry:
        deployed, made = one.deployed, one.made
        fields: dict[str, Any] = {
            "model": f"{deployed.namespace}/{deployed.name}",
            "version": None,
            "served_by": (deployed,),
            "status": status,
            "reason": reason,
            "error": error,
        }
        if made is not None:
            days = (self.now - made).total_seconds() / 86_400
            fields["registered"] = made.isoformat(timespec="seconds")
            fields["age_days"] = max(0.0, round(days, 1))
        return AuditEntry.model_validate(fields)

    def _version(self, deployed: Deployed) -> Any:
        """MLflow's version that a workload serves; None where none is known."""
        storage = deployed.storage or ""
        client = connect()
        with _missing_is_none(), refusals():
            if named := _VERSION.fullmatch(storage):
                return client.get_model_version(named[1], named[2])
            if named := _ALIAS.fullmatch(storage):
                number = client.get_registered_model(named[1]).aliases.get(named[2])
                return number and client.get_model_version(named[1], number)
        tail = ""
        if digest := _DIGEST.search(storage):
            query = f"tags.`{DIGEST_TAG}` = '{digest[1]}'"
        elif stored := _STORED.search(storage):
            query = f"source_path = 'models:/{stored[1]}'"
        elif logged := _OF_RUN.search(storage):
            # Its source may say runs:/ID/PATH, or this very place.
            query, tail = f"run_id = '{logged[1]}'", f"/{logged[2]}"
        elif storage and "'" not in storage:
            query = f"source_path = '{storage}'"
        else:
            return None
        found = [
            each
            for each in pages(client.search_model_versions, filter_string=query)
            if str(each.source).rstrip("/").endswith(tail)
        ]
        said = deployed.model or _name_in(storage)
        return max(found, key=lambda each: self._rank(each, said), default=None)

    def _rank(self, version: Any, said: str | None) -> tuple[bool | int, ...]:
        """Of versions with the same bytes the one that is meant, or vouched for, or was last."""
        number = int(version.version)
        entry = self._entries.get((version.name, str(version.version)))
        return (
            version.name == said,
            entry is not None and entry.status in ("optimized", "justified"),
            self.decided.get(version.name) == number,
            entry is not None,
            version.tags.get(STATE) == "promoted",
            number,
        )


def _name_in(storage: str) -> str | None:
    """The model that an address of a promoted variant names; None of another place."""
    try:
        return read_address(storage).name
    except InputError:
        return None


_UNREAD = "Its registered version could not be read."


@contextmanager
def _missing_is_none() -> Iterator[None]:
    try:
        yield
    except RegistryError as error:
        if not error.missing:
            raise
