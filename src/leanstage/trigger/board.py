"""The versions of one reconciliation and the notes on them; what holds for a while."""

import logging
import time
from dataclasses import dataclass, field, replace

from leanstage.contracts import ModelVersion
from leanstage.trigger.catalog import Note, Version, write_note
from leanstage.trigger.pulse import Step

log = logging.getLogger(__name__)

NOTES_A_PASS = 250
"""Of versions for which nothing is done but to say so: each takes MLflow tens of milliseconds."""


@dataclass
class Until:
    """Names that something holds for, for a while, and why."""

    kept: dict[str, tuple[float, str]] = field(default_factory=dict)

    def add(self, name: str, seconds: float, why: str) -> None:
        self.kept[name] = time.monotonic() + seconds, why

    def names(self) -> set[str]:
        now = time.monotonic()
        self.kept = {name: held for name, held in self.kept.items() if held[0] > now}
        return set(self.kept)

    def why(self, name: str) -> str | None:
        until, why = self.kept.get(name, (0.0, ""))
        return why if until > time.monotonic() else None


@dataclass
class Board:
    """The versions as they are noted in MLflow, kept in line with it."""

    versions: dict[ModelVersion, Version]
    step: Step
    untagged: Until
    """Versions that MLflow let nobody tag, and that are left alone for ``patience`` seconds."""
    patience: float
    in_turn: int = 0
    left_out: int = 0
    written: int = 0

    def note_in_turn(self, version: Version, note: Note) -> None:
        """Note that nothing is done for a version yet; of thousands, the rest in the next pass."""
        if self._to_write(version, note.tags()):
            self.in_turn += 1
            if self.in_turn > NOTES_A_PASS:
                self.left_out += 1
                return
        self.note(version, note)

    def note(self, version: Version, note: Note | None) -> None:
        """Write what has changed, and only that."""
        tags = {} if note is None else note.tags()
        self.versions[version.key] = replace(version, note=note, tags=tags)
        if not self._to_write(version, tags):
            return
        if write_note(version, note, self.step):
            self.written += 1
            log.info("noted", extra={"version": version.label, **tags})
        else:
            self.untagged.add(version.label, self.patience, "MLflow refused a tag.")

    def _to_write(self, version: Version, tags: dict[str, str]) -> bool:
        return tags != dict(version.tags) and self.untagged.why(version.label) is None
