"""One reconciliation: read, plan, carry out. It may be killed at any point and begun again."""

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from leanstage.contracts import ModelVersion
from leanstage.errors import LeanstageError
from leanstage.trigger import metrics
from leanstage.trigger.backends.base import Backend
from leanstage.trigger.catalog import Note, Version, count_by_status, read_versions, write_note
from leanstage.trigger.knowledge import look_up
from leanstage.trigger.planning import Start, plan
from leanstage.trigger.settings import Settings

log = logging.getLogger(__name__)

NOTES_A_PASS = 250
"""Of versions for which nothing is done but to say so: each takes MLflow tens of milliseconds."""


class StoppedError(Exception):
    """The service is to end; what was begun is complete."""


@dataclass
class Reconciler:
    """Brings versions and runs in line; remembers nothing that a fresh process would miss.

    ``step`` is called before every request that changes something: it tells that the work goes on,
    and raises StoppedError where it is to end.
    """

    backend: Backend
    settings: Settings
    step: Callable[[], None] = lambda: None
    _unsure: "_Until" = field(default_factory=lambda: _Until())
    _refused: "_Until" = field(default_factory=lambda: _Until())

    def reconcile(self) -> bool:
        """Do what is to be done for every version; returns whether something is left to note.

        Raises:
            LeanstageError: MLflow or the backend failed; nothing is lost, the next call goes on.
        """
        board = _Board({version.key: version for version in read_versions()}, self.step)
        self.step()
        active = self.backend.active()
        slots = _Slots(self.settings.max_active_runs, {*active, *self._unsure.names()})
        pending = list(board.versions.values())
        while pending:
            self.step()
            known = look_up(pending, active, self.backend, self.settings)
            actions = plan(pending, known, self.settings, datetime.now(UTC))
            found = self._start((each for each in actions if isinstance(each, Start)), slots, board)
            for action in actions:
                if isinstance(action, Start):
                    continue
                if action.note is not None and action.note.status == "unconfigured":
                    board.note_in_turn(action.version, action.note)
                else:
                    board.note(action.version, action.note)
            # A run found under a name that was to be new may have ended long ago: look again.
            pending = [board.versions[key] for key in found]
        metrics.set_versions(count_by_status(board.versions.values()))
        return board.left_out > 0

    def _start(
        self, starts: Iterable[Start], slots: "_Slots", board: "_Board"
    ) -> list[ModelVersion]:
        """Start the oldest while there is room; returns the versions whose run was there already.

        What exists is asked for right before anything is created: that makes up for a request that
        was killed, or answered too late, after it had taken effect.
        """
        found = []
        waiting = list(starts)
        while waiting and slots.free:
            some, waiting = waiting[: slots.free], waiting[slots.free :]
            there = self.backend.find(start.job.name for start in some)
            for start in some:
                if start.job.name in there:
                    board.note(start.version, start.started)
                    found.append(start.version.key)
                elif why := self._hindered(start, slots, board.step):
                    board.note(start.version, replace(start.waiting, reason=why))
                else:
                    board.note(start.version, start.started)
        for start in waiting:
            why = self._refused.why(start.job.name)
            note = replace(start.waiting, reason=why) if why else start.waiting
            board.note_in_turn(start.version, note)
        return found

    def _hindered(self, start: Start, slots: "_Slots", step: Callable[[], None]) -> str | None:
        """Create a run; why it cannot be created now, where so."""
        name = start.job.name
        why = self._refused.why(name) or self._unsure.why(name)
        if why:
            return why
        step()
        slots.taken.add(name)
        try:
            self.backend.create(start.job)
        except LeanstageError as error:
            if getattr(error, "unanswered", False):
                why = "it is not known yet whether its run was created."
                self._unsure.add(name, self.settings.unsure_seconds, why)
            if getattr(error, "transient", True):
                raise
            metrics.failure("create")
            log.error("a run was refused", extra={"run": name, "why": str(error)})
            self._refused.add(name, self.settings.max_backoff_seconds, str(error))
            return str(error)
        metrics.created(start.job.pipeline)
        about = {"run": name, "pipeline": start.job.pipeline, "version": start.version.label}
        log.info("run created", extra=about)
        return None


@dataclass
class _Board:
    """The versions as they are noted in MLflow, kept in line with it."""

    versions: dict[ModelVersion, Version]
    step: Callable[[], None]
    in_turn: int = 0
    left_out: int = 0

    def note_in_turn(self, version: Version, note: Note) -> None:
        """Note that nothing is done for a version yet; of thousands, the rest in the next pass."""
        if note.tags() != dict(version.tags):
            self.in_turn += 1
            if self.in_turn > NOTES_A_PASS:
                self.left_out += 1
                return
        self.note(version, note)

    def note(self, version: Version, note: Note | None) -> None:
        """Write what has changed, and only that."""
        tags = {} if note is None else note.tags()
        self.versions[version.key] = replace(version, note=note, tags=tags)
        if tags == dict(version.tags):
            return
        self.step()
        if write_note(version, note):
            log.info("noted", extra={"version": version.label, **tags})


@dataclass
class _Slots:
    most: int
    taken: set[str]

    @property
    def free(self) -> int:
        return max(0, self.most - len(self.taken))


@dataclass
class _Until:
    """Names that something holds for, for a while, and why."""

    kept: dict[str, tuple[float, str]] = field(default_factory=dict)

    def add(self, name: str, seconds: float, why: str) -> None:
        self.kept[name] = time.monotonic() + seconds, why

    def names(self) -> set[str]:
        now = time.monotonic()
        self.kept = {name: held for name, held in self.kept.items() if held[0] > now}
        return set(self.kept)

    def why(self, name: str) -> str | None:
        return self.kept[name][1] if name in self.names() else None
