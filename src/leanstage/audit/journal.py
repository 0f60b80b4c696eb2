"""What an audit that was killed had examined already, so that the next one goes on from there."""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

from pydantic import AwareDatetime, ValidationError

from leanstage.audit.inventory import Serving, Tell
from leanstage.contracts import AuditEntry
from leanstage.contracts.base import Part, Sha256, sha256_json

JOURNAL = "audit.journal.jsonl"
FRESH = timedelta(hours=12)
"""What was examined longer ago is examined again."""


class _Line(Part):
    """One version as it was examined; ``key`` is of all that its entry rests on in MLflow."""

    key: Sha256
    at: AwareDatetime
    entry: AuditEntry


class Journal:
    """Entries appended to a file as they are made, a line each; without a file, nothing is kept.

    An entry is taken over where it is fresh, could be read, rests on no justification, and neither
    the version, its aliases and tags, nor the ``basis`` of the audit (the server, the keys to
    trust) have changed since. A line that a killed process tore counts for nothing.

    Attributes:
        since: when the oldest entry that was taken over had been examined.
    """

    def __init__(self, path: Path | None, basis: Iterable[Any], now: datetime, tell: Tell) -> None:
        self._path, self._basis, self._now = path, list(basis), now
        self._known: dict[str, _Line] = {}
        self._descriptor: int | None = None
        self.since: datetime | None = None
        stale = 0
        for line in _lines(path) if path is not None else ():
            if now - line.at > FRESH:
                stale += 1
            # A justification runs out as time goes by.
            elif line.entry.error is None and line.entry.status != "justified":
                self._known[line.key] = line
        if stale:
            hours = FRESH // timedelta(hours=1)
            tell(f"{stale:,} versions were examined more than {hours} hours ago: once more")
        if self._known:
            oldest = min(line.at for line in self._known.values())
            tell(f"going on with an audit that was interrupted, of {oldest:%Y-%m-%d %H:%M} UTC")

    def __enter__(self) -> Self:
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            # Behind a line that was torn.
            os.write(self._descriptor, b"\n")
        return self

    def __exit__(self, *_: object) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def find(self, found: Serving) -> AuditEntry | None:
        """How a version stood when it was examined, where that can be taken over."""
        line = self._known.get(self._key(found)) if self._known else None
        if line is None:
            return None
        self.since = min(self.since or line.at, line.at)
        return line.entry

    def add(self, found: Serving, entry: AuditEntry) -> None:
        """Keep an entry: one write of one line, so that a process killed here tears the last."""
        if self._descriptor is not None:
            line = _Line(key=self._key(found), at=self._now, entry=entry)
            os.write(self._descriptor, line.model_dump_json().encode() + b"\n")

    def _key(self, found: Serving) -> str:
        version = found.found
        state = version and [version.creation_timestamp, version.source, dict(version.tags)]
        return sha256_json(
            [self._basis, found.model, found.version, found.aliases, found.problem, state]
        )


def _lines(path: Path) -> Iterator[_Line]:
    if not path.is_file():
        return
    with path.open("rb") as stream:
        for text in stream:
            with suppress(ValidationError):
                yield _Line.model_validate_json(text)
