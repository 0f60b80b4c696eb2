"""Unsound evidence is never promoted: missing, NaN, infinite, swapped, doubled, contradictory."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from leanstage.contracts import Champion, ModelPolicy, Role
from leanstage.gate import Candidate, decide
from leanstage.tasks import Predictions, Slicing
from tests.gate.conftest import HARDWARE

PARTS = ("manifest", "evaluation", "energy")
JUNK: tuple[Any, ...] = (math.nan, math.inf, -math.inf, "junk", [])
Path = tuple[str | int, ...]

# What decides, and numbers that contradict the rest wherever they are moved by so much.
CONTRADICTIONS: dict[str, tuple[tuple[Path, tuple[Any, ...]], ...]] = {
    "manifest": (
        (("digest",), (None, "9" * 64, "b" * 64)),
        (("parameters",), (10**6,)),
        (("labels",), (("positive", "negative"), ("a", "b", "c"))),
    ),
    "evaluation": (
        (("n",), (1, 1999, 2001, 10**9)),
        (("baseline",), (0.0, 0.94, 0.948, 1.0)),
        (("candidate",), (0.0, 0.95, 0.949, 1.0)),
        (("difference",), (-0.5, 0.0, 0.002, 0.5)),
        (("ci95",), ((-0.001, 0.001), (0.1, -0.1), (0.0, 0.0))),
        (("counts", "both_right"), (0, 1885, 1887)),
        (("counts", "baseline_only"), (0, 13, 15)),
        (("counts", "candidate_only"), (0, 9, 11, 10**400)),
        (("counts", "both_wrong"), (0, 89, 91)),
        (("agreement",), (0.0, 1.0)),
        (("baseline_digest",), ("9" * 64, "1" * 64)),
        (("candidate_digest",), ("9" * 64, "b" * 64)),
        (("mcnemar_p",), (0.0, 0.5, 1.0)),
        (("macro_f1", "baseline"), (0.0, 0.94, 1.0)),
        (("macro_f1", "candidate"), (0.0, 0.95, 1.0)),
        (("macro_f1", "difference"), (-0.5, 0.0, 0.5)),
        (("macro_f1", "ci95"), ((-0.001, 0.001), (0.1, -0.1), (0.0, 0.0))),
        (("champion",), (None, {"digest": "9" * 64, "accuracy": 0.95})),
        (("champion", "accuracy"), (0.0, 0.94, 1.0)),
        (("champion", "counts", "baseline_only"), (0, 15, 10**400)),
        (("slices",), ((),)),
        (("slices", 0, "counts", "baseline_only"), (0, 1, 10**400)),
        (("slices", 2, "value"), ("phone", "fax")),
        (("slices", 3, "column"), ("label", "country")),
        (("flips", 0, "row"), (0, 10**6)),
        (("flips", 0, "label"), ("mixed",)),
        (("overlap_with_train",), (1, 2000)),
        (("classes", 0, "n"), (0, 999, 1001)),
        (("classes", 1, "candidate_recall"), (None, 0.5, 1.0)),
        (("confusion", 0), ((1000, 1), (0, 0), ())),
    ),
    "energy": (
        (("meter", "tier"), ("declared",)),
        (("workload", "batch_size"), (1, 9)),
        (("node", "family"), (None, 25)),
        (("node", "model"), (None, 85)),
        (("node", "features"), ((), ("avx2",))),
        (("node", "accelerators"), (("NVIDIA L4",),)),
        (("arms", 0, "digest"), (None, "9" * 64)),
        (("arms", 2, "digest"), (None, "b" * 64)),
        (("arms", 2, "joules_per_answer"), (0.01, 0.4)),
        (("arms", 0, "wh_per_1000"), (0.01, 9.0)),
        (("arms", 2, "latency_p50_ms"), (99.0,)),
        (("windows", 2, "joules"), (1e-9, 1.0, 1e300)),
        (("windows", 3, "answers"), (1, 10**400)),
        (("windows", 0, "arm"), ("candidate", "unknown")),
        (("windows", 0, "block"), (1, 99)),
        (("windows",), ((),)),
        (("registered", "ratio"), (1e-9, 0.1, 0.5)),
        (("registered", "against"), ("candidate", "control", "unknown")),
        (("registered", "arm"), ("baseline", "control", "unknown")),
        (("strongest", "ratio"), (1e-9, 0.1, 0.5)),
        (("strongest", "ci95"), ((0.01, 0.02), (0.0, 0.0), (0.9, 0.1))),
        (("strongest", "against"), ("baseline", "control")),
        (("strongest", "blocks"), (2, 9, 11)),
        (("control", "arm"), ("candidate", "baseline")),
        (("control", "ratio"), (0.5, 2.0)),
        (("checks", 0, "passed"), (False,)),
        (("checks",), ((),)),
        (("baseline_digest",), ("9" * 64, "1" * 64)),
        (("candidate_digest",), ("9" * 64, "b" * 64)),
    ),
}

REPEATED = {"evaluation": ("classes", "slices", "flips"), "energy": ("windows", "arms")}

COLUMNS = ("labels", "baseline", "candidate", "champion")
Answers = Callable[[Predictions], Any]


def one_column(change: Callable[[Any], Any]) -> tuple[Answers, ...]:
    """The change in every single column, slices included."""

    def columns(found: Predictions, name: str) -> Predictions:
        return replace(found, **{name: change(getattr(found, name))})

    def codes(found: Predictions) -> Predictions:
        slicing = found.slices["channel"]
        return replace(found, slices={"channel": Slicing(slicing.values, change(slicing.codes))})

    return (*[lambda found, name=name: columns(found, name) for name in COLUMNS], codes)


def all_columns(change: Callable[[Any], Any]) -> Answers:
    """The change in all columns at once."""

    def spoil(found: Predictions) -> Predictions:
        for each in one_column(change):
            found = each(found)
        return found

    return spoil


def other_answer(column: Any) -> Any:
    changed = column.copy()
    changed[1234] = 1 - changed[1234]
    return changed


def swapped(one: str, other: str) -> Answers:
    return lambda found: replace(found, **{one: getattr(found, other), other: getattr(found, one)})


def channel(values: Any) -> Answers:
    return lambda found: replace(
        found, slices={"channel": Slicing(values, found.slices["channel"].codes)}
    )


ANSWERS: Mapping[str, tuple[Answers, ...]] = {
    "none": (lambda found: None, lambda found: {}, lambda found: math.nan),
    "a column is none": one_column(lambda column: None),
    "a column truncated": one_column(lambda column: column[:-1]),
    "a column empty": one_column(lambda column: column[:0]),
    "a column of NaN": one_column(lambda column: np.full(len(column), math.nan)),
    "a column with infinity": one_column(lambda column: np.append(column[1:], math.inf)),
    "a column of other integers": one_column(lambda column: column.astype(np.int64)),
    "a column below": one_column(lambda column: column - 1),
    "a column above": one_column(lambda column: column + 5),
    "a column shifted": one_column(lambda column: np.roll(column, 7)),
    "a column in a table": one_column(lambda column: column.reshape(-1, 2)),
    "another answer": one_column(other_answer)[:4],
    "rows missing": tuple(all_columns(lambda c, n=n: c[n:].copy()) for n in (1, 1000, 2000)),
    "rows duplicated": tuple(
        all_columns(lambda c, n=n: np.concatenate([c, c[:n]])) for n in (1, 300, 2000)
    ),
    "rows reversed": (all_columns(lambda column: column[::-1].copy()),),
    "columns swapped": (
        swapped("baseline", "candidate"),
        swapped("baseline", "champion"),
        swapped("candidate", "champion"),
        swapped("labels", "candidate"),
    ),
    "slices": (
        lambda found: replace(found, slices={}),
        lambda found: replace(found, slices=None),
        lambda found: replace(found, slices={"label": found.slices["channel"]}),
        channel(("mail", "chat", "phone")),
        channel(("mail", "mail", "mail")),
        channel(("mail",)),
        channel((1, 2, 3)),
    ),
}


class Subjects:
    """The genuine candidates, and every place in their documents where a number stands."""

    def __init__(self, genuine: Any, spoiled: Any) -> None:
        self.put = spoiled.put
        figures = {"better": 5, "worse": 3}
        self.whole: dict[Role, Candidate] = {
            "optimized": genuine.candidate(
                "optimized", evaluation=genuine.evaluation("optimized", **figures)
            ),
            "fallback": genuine.candidate(
                "fallback", evaluation=genuine.evaluation("fallback", lost=12, gained=9, **figures)
            ),
        }
        self.numbers: dict[str, tuple[Path, ...]] = {
            part: tuple(spoiled.numbers(getattr(self.whole["optimized"], part))) for part in PARTS
        }
        champion = genuine.champion()
        self.champion = champion
        self.hardware: tuple[Any, ...] = (
            None,
            "hardware",
            spoiled.put(HARDWARE, ("threads",), math.nan),
            HARDWARE.model_copy(update={"family": 25, "model": 1}),
            HARDWARE.model_copy(update={"features": ()}),
            HARDWARE.model_copy(update={"accelerators": ("NVIDIA L4",)}),
        )
        self.champions: tuple[Any, ...] = (
            genuine.champion("9" * 64),
            spoiled.put(champion, ("digest",), "champion"),
            spoiled.put(champion, ("version", "created_ms"), math.nan),
            "champion",
        )

    def __repr__(self) -> str:
        return "subjects"


@pytest.fixture(scope="module")
def subjects(genuine: Any, spoiled: Any) -> Subjects:
    return Subjects(genuine, spoiled)


@st.composite
def spoilt(draw: st.DrawFn, subjects: Subjects, role: Role) -> Candidate:
    """A candidate with one thing wrong in each of up to three places."""
    other = subjects.whole["fallback" if role == "optimized" else "optimized"]
    changes: dict[str, Any] = {}
    places = st.sets(st.sampled_from((*PARTS, "digest", "predictions")), min_size=1, max_size=3)
    for place in sorted(draw(places)):
        genuine = getattr(subjects.whole[role], place)
        kinds = ["missing", "foreign", "contradictory"]
        kinds += ["junk"] if place in PARTS else []
        kinds += ["swapped"] if place in ("evaluation", "energy") else []
        kinds += ["twice"] if place in REPEATED else []
        match draw(st.sampled_from(kinds)):
            case "missing":
                changes[place] = None
            case "foreign":
                changes[place] = getattr(other, place)
            case "junk":
                path = draw(st.sampled_from(subjects.numbers[place]))
                changes[place] = subjects.put(genuine, path, draw(st.sampled_from(JUNK)))
            case "swapped":
                spoken = (genuine.baseline_digest, genuine.candidate_digest)
                changed = subjects.put(genuine, ("baseline_digest",), spoken[1])
                changes[place] = subjects.put(changed, ("candidate_digest",), spoken[0])
            case "twice":
                name = draw(st.sampled_from(REPEATED[place]))
                items = getattr(genuine, name)
                again = (*items, draw(st.sampled_from(items)))
                changes[place] = subjects.put(genuine, (name,), again)
            case "contradictory" if place == "digest":
                changes[place] = draw(st.sampled_from(("9" * 64, "b" * 64, "", "1")))
            case "contradictory" if place == "predictions":
                name = draw(st.sampled_from(sorted(ANSWERS)))
                changes[place] = draw(st.sampled_from(ANSWERS[name]))(genuine)
            case _:
                path, values = draw(st.sampled_from(CONTRADICTIONS[place]))
                changes[place] = subjects.put(genuine, path, draw(st.sampled_from(values)))
                # What contradicts the figures of one candidate may be those of the other.
                assume(changes[place] != genuine)
    return replace(subjects.whole[role], **changes)


POLICIES = (
    ModelPolicy(),
    ModelPolicy(metric="macro_f1", slices=("label", "channel")),
    ModelPolicy(tolerance=1.0, margin=1.0, min_n=1, slices=(), min_saving=0.0),
)


def test_unspoilt_the_evidence_is_promoted(genuine: Any, subjects: Subjects) -> None:
    evidence = genuine.evidence(*subjects.whole.values(), champion=subjects.champion)
    for policy in POLICIES:
        decision = decide(evidence, policy)
        assert decision.promoted == "optimized"
        assert all(judgement.passed for judgement in decision.judgements)


def test_each_spoilt_thing_alone_is_enough(genuine: Any, subjects: Subjects) -> None:
    whole = subjects.whole["optimized"]
    spoilt_ones = [
        replace(whole, predictions=spoil(whole.predictions))
        for spoils in ANSWERS.values()
        for spoil in spoils
    ]
    for part, places in CONTRADICTIONS.items():
        for path, values in places:
            documents = [subjects.put(getattr(whole, part), path, value) for value in values]
            spoilt_ones += [replace(whole, **{part: document}) for document in documents]
    for candidate in spoilt_ones:
        evidence = genuine.evidence(candidate, champion=subjects.champion)
        assert decide(evidence, POLICIES[-1]).verdict == "BLOCKED"


@settings.get_profile("gate")
@given(data=st.data())
def test_unsound_evidence_is_never_promoted(
    genuine: Any, subjects: Subjects, data: st.DataObject
) -> None:
    candidates = [data.draw(spoilt(subjects, "optimized"))]
    if data.draw(st.booleans()):
        candidates.append(data.draw(spoilt(subjects, "fallback")))
    champions: tuple[Champion | None, ...] = (None, subjects.champion, *subjects.champions)
    evidence = genuine.evidence(
        *data.draw(st.permutations(candidates)),
        champion=data.draw(st.sampled_from(champions)),
        deploy=data.draw(st.sampled_from(["optimized", "baseline"])),
    )
    policy = data.draw(st.sampled_from(POLICIES))
    # A justification written for exactly this evidence must not help either.
    grounds = data.draw(st.sampled_from([None, "accuracy", "no_saving", "runtime"]))
    justifications = [genuine.justified(evidence, policy, grounds=grounds)] if grounds else []
    decision = decide(evidence, policy, justifications)
    assert decision.verdict == "BLOCKED"
    assert decision.promoted is None
    assert decision.digest is None
    assert decision.reasons


@settings.get_profile("gate-tenth")
@given(data=st.data())
def test_a_spoilt_candidate_is_never_the_one_that_ships(
    genuine: Any, subjects: Subjects, data: st.DataObject
) -> None:
    fallback = subjects.whole["fallback"]
    evidence = genuine.evidence(data.draw(spoilt(subjects, "optimized")), fallback)
    decision = decide(evidence, genuine.policy)
    assert decision.promoted in (None, "fallback")
    assert decision.digest in (None, fallback.digest)


@settings.get_profile("gate-tenth")
@given(data=st.data())
def test_beside_an_unsound_champion_nothing_is_promoted(
    genuine: Any, subjects: Subjects, data: st.DataObject
) -> None:
    evidence = genuine.evidence(
        *data.draw(st.permutations(list(subjects.whole.values()))),
        champion=data.draw(st.sampled_from(subjects.champions)),
    )
    grounds = data.draw(st.sampled_from(["accuracy", "no_saving", "runtime"]))
    justified = genuine.justified(evidence, grounds=grounds)
    assert decide(evidence, genuine.policy, [justified]).verdict == "BLOCKED"


@pytest.mark.parametrize("deploy", ["optimized", "baseline"])
def test_measured_elsewhere_than_it_serves_nothing_is_promoted(
    genuine: Any, subjects: Subjects, deploy: Any
) -> None:
    for hardware in subjects.hardware:
        evidence = genuine.evidence(*subjects.whole.values(), deploy=deploy, hardware=hardware)
        justified = genuine.justified(evidence, grounds="accuracy")
        for policy in POLICIES:
            decision = decide(evidence, policy, [justified])
            assert (decision.verdict, decision.promoted) == ("BLOCKED", None)
            assert {reason.candidate for reason in decision.reasons} >= set(subjects.whole)
