"""One reconciliation: read, plan, carry out. It may be killed at any point and begun again."""

import logging
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from leanstage.contracts import ModelVersion
from leanstage.errors import LeanstageError
from leanstage.trigger import metrics
from leanstage.trigger.backends.base import Backend
from leanstage.trigger.board import Board, Until
from leanstage.trigger.catalog import count_by_status, read_versions
from leanstage.trigger.knowledge import look_up
from leanstage.trigger.planning import Start, plan
from leanstage.trigger.pulse import Step, go_on
from leanstage.trigger.settings import Settings

log = logging.getLogger(__name__)

UNSURE_ROUNDS = 3
"""So many creations without a clear answer, and others go first."""


class StoppedError(Exception):
    """The service is to end; the next process goes on from here."""


@dataclass
class Reconciler:
    """Brings versions and runs in line; remembers nothing that a fresh process would miss.

    ``step`` is called between requests: it tells that the work goes on, and raises StoppedError
    where it is to end. On Kubeflow Pipelines, which may still be at work on what the process before
    had asked for, nothing is created until ``unsure_seconds`` after ``began`` (monotonic).
    """

    backend: Backend
    settings: Settings
    step: Step = go_on
    began: float = field(default_factory=time.monotonic)
    _unsure: Until = field(default_factory=Until)
    _refused: Until = field(default_factory=Until)
    _untagged: Until = field(default_factory=Until)
    _rounds: Counter[str] = field(default_factory=Counter)

    def reconcile(self) -> bool:
        """Do what is to be done for every version; returns whether something is left to note.

        Raises:
            LeanstageError: MLflow or the backend failed; nothing is lost, the next call goes on.
        """
        board = Board(
            {version.key: version for version in read_versions(self.step)},
            self.step,
            self._untagged,
            self.settings.max_backoff_seconds,
        )
        self.step()
        active = self.backend.active()
        slots = _Slots(self.settings.max_active_runs, {*active, *self._unsure.names()})
        pending = list(board.versions.values())
        while pending:
            self.step()
            known = look_up(pending, active, self.backend, self.settings, self.step)
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
        # Where MLflow takes nothing, going on at once would change nothing.
        return board.left_out > 0 and board.written > 0

    def _start(self, starts: Iterable[Start], slots: "_Slots", board: Board) -> list[ModelVersion]:
        """Start the oldest while there is room; returns the versions whose run was there already.

        What exists is asked for right before anything is created: that makes up for a request that
        was killed, or answered too late, after it had taken effect.
        """
        found = []
        waiting = list(starts)
        while waiting and slots.free:
            some, waiting = waiting[: slots.free], waiting[slots.free :]
            there = self.backend.find((start.job.name for start in some), board.step)
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

    def _hindered(self, start: Start, slots: "_Slots", step: Step) -> str | None:
        """Create a run; why it cannot be created now, where so."""
        name = start.job.name
        why = self._refused.why(name) or self._unsure.why(name)
        if why:
            return why
        step()
        slots.taken.add(name)
        if time.monotonic() < self._create_from:
            return "it is not known yet whether the trigger asked for its run before it restarted."
        try:
            self.backend.create(start.job)
        except LeanstageError as error:
            held = self.settings.max_backoff_seconds
            if getattr(error, "unanswered", False):
                self._rounds[name] += 1
                if self._rounds[name] < UNSURE_ROUNDS:
                    why = "it is not known yet whether its run was created."
                    self._unsure.add(name, self.settings.unsure_seconds, why)
                    raise
                held = max(held, self.settings.unsure_seconds)
            elif getattr(error, "transient", True):
                raise
            metrics.failure("create")
            log.error("a run was refused", extra={"run": name, "why": str(error)})
            self._refused.add(name, held, str(error))
            return str(error)
        self._rounds.pop(name, None)
        metrics.created(start.job.pipeline)
        about = {"run": name, "pipeline": start.job.pipeline, "version": start.version.label}
        log.info("run created", extra=about)
        return None

    @property
    def _create_from(self) -> float:
        """Runs of this machine are claimed on its disk: there nothing is ever unsure."""
        return self.began + (self.settings.unsure_seconds if self.settings.backend == "kfp" else 0)


@dataclass
class _Slots:
    most: int
    taken: set[str]

    @property
    def free(self) -> int:
        return max(0, self.most - len(self.taken))
