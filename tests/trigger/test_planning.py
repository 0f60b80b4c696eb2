"""The plan against a simulated world in which anything may happen between two reconciliations."""

import random
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from leanstage.contracts import ModelPolicy, ModelVersion
from leanstage.trigger.backends.base import Job, Started
from leanstage.trigger.catalog import Version
from leanstage.trigger.evidence import Evidence
from leanstage.trigger.names import RunName
from leanstage.trigger.planning import Known, Policy, Settle, Start, followed, plan
from leanstage.trigger.settings import Settings

POLICIES = [Policy(made, made.sha256()) for made in (ModelPolicy(), ModelPolicy(tolerance=0.005))]
NOW = datetime(2026, 11, 26, tzinfo=UTC)


def version(number: int) -> Version:
    key = ModelVersion(name="reviews", version=str(number), created_ms=number)
    return Version(key=key, asks=True, tags={}, note=None)


@dataclass
class World:
    """Runs, evidence and justifications as they would be, and what was created so far."""

    chance: random.Random
    settings: Settings
    versions: list[Version] = field(default_factory=lambda: [version(n) for n in range(1, 5)])
    policy: Policy | str = POLICIES[0]
    runs: dict[str, Started] = field(default_factory=dict)
    evidence: dict[str, Evidence] = field(default_factory=dict)
    decided: dict[str, datetime] = field(default_factory=dict)
    justified: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    created: list[Job] = field(default_factory=list)
    now: datetime = NOW

    def known(self) -> Known:
        return Known(
            policies={"reviews": self.policy},
            runs=self.runs,
            evidence=self.evidence,
            decided=self.decided,
            justified=self.justified,
        )

    def reconcile(self) -> bool:
        """Plan and carry out once; returns whether anything changed."""
        actions = plan(self.versions, self.known(), self.settings, self.now)
        assert [action.version for action in actions] == self.versions
        names = [action.job.name for action in actions if isinstance(action, Start)]
        assert len(set(names)) == len(names)
        before = list(self.versions)
        self.versions = [self._carried_out(action) for action in actions]
        return self.versions != before

    def _carried_out(self, action: Settle | Start) -> Version:
        if isinstance(action, Settle):
            return replace(action.version, note=action.note)
        if action.job.name not in self.runs:
            self.runs[action.job.name] = Started(action.job.name, "ACTIVE", self.now)
            self.created.append(action.job)
        return replace(action.version, note=action.started)

    def happens(self) -> None:
        """Anything at all, to anybody."""
        self.now += timedelta(seconds=self.chance.choice((1, 400, 4000)))
        active = sorted(name for name, run in self.runs.items() if run.state == "ACTIVE")
        for name in active:
            if self.chance.random() < 0.6:
                self._end(name)
        for index, each in enumerate(self.versions):
            lot = self.chance.random()
            if lot < 0.05:
                self.versions[index] = replace(each, note=None)
            elif lot < 0.1:
                self.versions[index] = replace(each, asks=not each.asks)
            elif lot < 0.2:
                key = each.key.name, each.key.version
                earlier = self.justified.get(key, ())
                self.justified[key] = (f"{self.chance.getrandbits(128):032x}", *earlier)
        if self.chance.random() < 0.1:
            self.policy = self.chance.choice([*POLICIES, "no policy covers it."])

    def _end(self, name: str) -> None:
        parsed = RunName.parse(name)
        assert parsed is not None
        run = replace(self.runs[name], finished=self.now)
        half = parsed.step == "main" and self.settings.split
        match self.chance.choice(("good", "failed", "blocked", "canceled")):
            case "good":
                self.runs[name] = replace(run, state="SUCCEEDED")
                self.evidence[parsed.judged] = Evidence("e", proposal=half, promoted=not half)
            case "blocked" if not half:
                self.runs[name] = replace(run, state="FAILED")
                self.evidence[parsed.judged] = Evidence("e", blocked=True)
                self.decided[name] = self.now
            case "canceled":
                self.runs[name] = replace(run, state="CANCELED")
            case _:
                self.runs[name] = replace(run, state="FAILED")


@given(st.randoms(use_true_random=False), st.sampled_from(["deploy", "split"]))
@settings(max_examples=150, deadline=None)
def test_whatever_happens_no_run_is_created_twice_and_all_comes_to_rest(
    chance: random.Random, flow: str
) -> None:
    world = World(chance, Settings(flow=flow))  # type: ignore[arg-type]
    for _ in range(25):
        world.reconcile()
        world.happens()
    # Left alone, with every run ending well, everything settles.
    for _ in range(40):
        for name, run in world.runs.items():
            if run.state == "ACTIVE":
                parsed = RunName.parse(name)
                assert parsed is not None
                half = parsed.step == "main" and world.settings.split
                world.runs[name] = replace(run, state="SUCCEEDED", finished=world.now)
                world.evidence[parsed.judged] = Evidence("e", proposal=half, promoted=not half)
        world.now += timedelta(hours=10)
        if not world.reconcile():
            break
    else:
        raise AssertionError("it never comes to rest")
    names = [job.name for job in world.created]
    assert len(set(names)) == len(names)
    for name in names:
        parsed = RunName.parse(name)
        assert parsed is not None
        assert parsed.attempt <= world.settings.max_attempts
        before = f"{parsed.stem}-a{parsed.attempt - 1}"
        assert parsed.attempt == 1 or world.runs[before].state != "ACTIVE"
    for each in world.versions:
        assert followed(each) is None
        if each.asks:
            assert each.note is not None
    for job in world.created:
        pipelines = ("optimize", "decide") if flow == "split" else ("deploy",)
        assert job.pipeline in (*pipelines, "rejudge")
        assert (job.place == "gate") == (flow == "split" and job.pipeline != "optimize")
