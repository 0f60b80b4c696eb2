"""What to do about each version: pure, from what was read to what is to be done.

The tags on a version are a memory, not the truth: a run that exists is found by its name, however
little was noted of it, and how it ended is told by its backend and by the evidence in MLflow.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from leanstage.contracts import ModelPolicy
from leanstage.trigger.backends.base import ACTIVE, Job, Place, Started
from leanstage.trigger.catalog import Note, Status, Version
from leanstage.trigger.evidence import Evidence, key_of
from leanstage.trigger.names import DECIDE, REJUDGE, RunName, attempt_name, stem
from leanstage.trigger.settings import Settings


@dataclass(frozen=True)
class Policy:
    """The policy that covers a version, with its hash."""

    policy: ModelPolicy
    sha256: str


@dataclass(frozen=True)
class Known:
    """What was looked up for a plan.

    Attributes:
        policies: by model name: the policy, or in a sentence why none can be used.
        runs: by run name; a name that is missing here has no run.
        evidence: by the name of the run that left it.
        decided: by run name, when the verdict that its evidence holds was given.
        justified: finished justifications by model name and number, the newest first.
    """

    policies: Mapping[str, Policy | str]
    runs: Mapping[str, Started] = field(default_factory=dict)
    evidence: Mapping[str, Evidence] = field(default_factory=dict)
    decided: Mapping[str, datetime] = field(default_factory=dict)
    justified: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Settle:
    """Note how a version stands; None takes its notes away."""

    version: Version
    note: Note | None


@dataclass(frozen=True)
class Start:
    """Start a run, unless it exists; ``waiting`` is noted while there is no room for it."""

    version: Version
    job: Job
    waiting: Note

    @property
    def started(self) -> Note:
        name = RunName.parse(self.job.name)
        return Note("running", self.job.name, name.attempt if name else 1)


Action = Settle | Start


def plan(
    versions: Iterable[Version], known: Known, settings: Settings, now: datetime
) -> list[Action]:
    """One action for every version, in the order of the versions."""
    return [_Case(version, known, settings, now).action() for version in versions]


def followed(version: Version) -> str | None:
    """The run whose state decides what comes next; None where no run does."""
    note = version.note
    return note.run if note and note.run and note.status in ("running", "queued") else None


def new_justification(version: Version, known: Known) -> str | None:
    """The newest justification of a blocked version, where no run has judged it yet."""
    note = version.note
    name = RunName.parse(note.run) if note and note.status == "blocked" else None
    found = known.justified.get(key_of(version.key), ())
    if name is None or not found or found[0][:8] == name.justification:
        return None
    return found[0]


@dataclass(frozen=True)
class _Case:
    version: Version
    known: Known
    settings: Settings
    now: datetime

    @property
    def _policy(self) -> Policy | str:
        return self.known.policies[self.version.key.name]

    def action(self) -> Action:
        version, note = self.version, self.version.note
        if note is not None and note.status == "promoted":
            return Settle(version, note)
        name = RunName.parse(note.run) if note is not None else None
        if note is not None and name is not None and note.status in ("running", "queued"):
            return self._follow(note, name)
        if not version.asks:
            ended = note is not None and note.status in ("blocked", "failed")
            return Settle(version, note if ended else None)
        if isinstance(self._policy, str):
            return Settle(version, Note("unconfigured", reason=self._policy))
        if note is None or name is None or name.policy != self._policy.sha256[:6]:
            return self._begin()
        return self._judge_again(note, name)

    def _begin(self) -> Start:
        """The first run under the policy that holds now."""
        assert isinstance(self._policy, Policy)
        name = attempt_name(stem(self.version.key, self._policy.sha256), 1)
        return Start(self.version, self._job("main", name), Note("queued"))

    def _follow(self, note: Note, name: RunName) -> Action:
        run = self.known.runs.get(name.text)
        if run is not None and run.state == ACTIVE:
            return self._settle("running", name)
        evidence = self.known.evidence.get(name.judged)
        if run is not None and run.state == "SUCCEEDED":
            if name.step != "main" or not self.settings.split:
                return self._settle("promoted", name)
            if evidence is not None and evidence.proposal:
                job = self._job("decide", f"{name.text}{DECIDE}-a1", evidence)
                return Start(self.version, job, self._note("running", name))
        if evidence is not None and evidence.promoted:
            return self._settle("promoted", name)
        if evidence is not None and evidence.blocked and self._judged(name, run):
            return self._settle("blocked", name, "blocked by the gate; the report says why.")
        return self._try_again(name, run, evidence)

    def _judged(self, name: RunName, run: Started | None) -> bool:
        """Whether the verdict is of this run: a run that judges again finds an older one there."""
        if name.step != "rejudge":
            return True
        decided = self.known.decided.get(name.text)
        if decided is None or run is None or run.created is None:
            return False
        return decided >= run.created

    def _try_again(self, name: RunName, run: Started | None, evidence: Evidence | None) -> Action:
        if name.step == "main" and self.version.asks and not self._current(name):
            # The policy has changed since: the next attempt is the first under the new one.
            if isinstance(self._policy, str):
                return Settle(self.version, Note("unconfigured", reason=self._policy))
            return self._begin()
        if run is not None and run.state == "CANCELED":
            return self._give_up(name, f"{name.text} was stopped by hand.")
        if name.attempt >= self.settings.max_attempts or not self.version.asks:
            return self._give_up(name, f"{name.attempt} of {name.attempt} attempts failed.")
        source = self._proposal(name) if name.step == "decide" else evidence
        if name.step != "main" and source is None:
            return self._give_up(name, "the MLflow run that was to be judged is gone.")
        waiting = self._note("queued", name, f"attempt {name.attempt} failed; another follows.")
        if self._due(name, run) > self.now:
            return Settle(self.version, waiting)
        following = attempt_name(name.stem, name.attempt + 1)
        return Start(self.version, self._job(name.step, following, source), waiting)

    def _judge_again(self, note: Note, name: RunName) -> Action:
        """A verdict stands until somebody logs a justification."""
        justification = new_justification(self.version, self.known)
        evidence = self.known.evidence.get(name.judged)
        if justification is None or evidence is None:
            return Settle(self.version, note)
        if evidence.promoted:
            return self._settle("promoted", name)
        again = attempt_name(f"{name.judged}{REJUDGE}{justification[:8]}", 1)
        return Start(self.version, self._job("rejudge", again, evidence), note)

    def _proposal(self, name: RunName) -> Evidence | None:
        """What the half before a ``decide`` left."""
        return self.known.evidence.get(name.text.partition(DECIDE)[0])

    def _due(self, name: RunName, run: Started | None) -> datetime:
        if run is None or run.finished is None:
            return self.now
        pause = self.settings.retry_seconds * 2 ** (name.attempt - 1)
        return run.finished + timedelta(seconds=pause)

    def _current(self, name: RunName) -> bool:
        return isinstance(self._policy, Policy) and self._policy.sha256[:6] == name.policy

    def _give_up(self, name: RunName, why: str) -> Settle:
        # Where judging again failed, the verdict that there was still stands.
        return self._settle("blocked" if name.step == "rejudge" else "failed", name, why)

    def _job(self, step: str, name: str, evidence: Evidence | None = None) -> Job:
        if step == "main":
            key = self.version.key
            pipeline = "optimize" if self.settings.split else "deploy"
            asked = {"model": f"models:/{key.name}/{key.version}", "request": name}
        else:
            assert evidence is not None
            pipeline, asked = step, {"run_id": evidence.run_id}
            if step == "decide":
                asked["request"] = name
        place: Place = "gate" if self.settings.split and step != "main" else "user"
        return Job(name, pipeline, {**self.settings.parameters.get(pipeline, {}), **asked}, place)

    def _note(self, status: Status, name: RunName, reason: str = "") -> Note:
        return Note(status, name.text, name.attempt, reason)

    def _settle(self, status: Status, name: RunName, reason: str = "") -> Settle:
        return Settle(self.version, self._note(status, name, reason))
