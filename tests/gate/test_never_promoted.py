"""What no evidence may ever do: be promoted unsound, or gain from more harm."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leanstage.contracts import ModelPolicy, Role
from leanstage.gate import Candidate, Evidence, decide

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
        (("overlap_with_train",), (1, 2000)),
        (("classes", 0, "n"), (0, 999, 1001)),
        (("classes", 1, "candidate_recall"), (None, 0.5, 1.0)),
        (("confusion", 0), ((1000, 1), (0, 0), ())),
    ),
    "energy": (
        (("meter", "tier"), ("declared",)),
        (("workload", "batch_size"), (1, 9)),
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

REPEATED = {"evaluation": ("classes",), "energy": ("windows", "arms")}


class Subjects:
    """The genuine candidates, and every place in their documents where a number stands."""

    def __init__(self, genuine: Any, spoiled: Any) -> None:
        self.put = spoiled.put
        self.whole: dict[Role, Candidate] = {
            role: genuine.candidate(role) for role in ("optimized", "fallback")
        }
        self.numbers: dict[str, tuple[Path, ...]] = {
            part: tuple(spoiled.numbers(getattr(self.whole["optimized"], part))) for part in PARTS
        }

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
    places = st.sets(st.sampled_from((*PARTS, "digest")), min_size=1, max_size=3)
    for place in sorted(draw(places)):
        genuine = getattr(subjects.whole[role], place)
        kinds = ["missing", "foreign", "contradictory"]
        kinds += [] if place == "digest" else ["junk"]
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
            case _:
                path, values = draw(st.sampled_from(CONTRADICTIONS[place]))
                changes[place] = subjects.put(genuine, path, draw(st.sampled_from(values)))
    return replace(subjects.whole[role], **changes)


@settings(max_examples=2000, deadline=None)
@given(data=st.data())
def test_unsound_evidence_is_never_promoted(
    genuine: Any, subjects: Subjects, data: st.DataObject
) -> None:
    candidates = [data.draw(spoilt(subjects, "optimized"))]
    if data.draw(st.booleans()):
        candidates.append(data.draw(spoilt(subjects, "fallback")))
    evidence = genuine.evidence(
        *data.draw(st.permutations(candidates)),
        deploy=data.draw(st.sampled_from(["optimized", "baseline"])),
    )
    # A justification written for exactly this evidence must not help either.
    grounds = data.draw(st.sampled_from([None, "accuracy", "no_saving", "runtime"]))
    justifications = [genuine.justified(evidence, grounds=grounds)] if grounds else []
    decision = decide(evidence, genuine.policy, justifications)
    assert decision.verdict == "BLOCKED"
    assert decision.promoted is None
    assert decision.digest is None
    assert decision.reasons


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_a_spoilt_candidate_is_never_the_one_that_ships(
    genuine: Any, subjects: Subjects, data: st.DataObject
) -> None:
    fallback = subjects.whole["fallback"]
    evidence = genuine.evidence(data.draw(spoilt(subjects, "optimized")), fallback)
    decision = decide(evidence, genuine.policy)
    assert decision.promoted in (None, "fallback")
    assert decision.digest in (None, fallback.digest)


@st.composite
def sound(draw: st.DrawFn) -> dict[str, Any]:
    """Figures of a sound candidate, near the limits of the default policy."""
    wrong = draw(st.integers(0, 120))
    return {
        "n": draw(st.sampled_from([250, 300, 1000, 4000])),
        "lost": draw(st.integers(0, 60)),
        "gained": draw(st.integers(0, min(wrong, 12))),
        "wrong": wrong,
        "ratio": draw(st.sampled_from([0.3, 0.7, 0.78, 0.8, 0.82, 1.0])),
        "spread": draw(st.sampled_from([0.1, 1.0, 8.0])),
        "p95_ms": draw(st.sampled_from([4.0, 10.0, 11.0])),
        "parameters": draw(st.sampled_from([500, 1000])),
    }


def candidate_of(build: Any, figures: dict[str, Any]) -> Candidate:
    accuracy = {name: figures[name] for name in ("n", "lost", "gained", "wrong")}
    energy = {name: figures[name] for name in ("ratio", "spread", "p95_ms")}
    candidate: Candidate = build.candidate(
        manifest=build.manifest("1" * 64, parameters=figures["parameters"]),
        evaluation=build.evaluation(**accuracy),
        energy=build.energy(**energy),
    )
    return candidate


WORSE: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "more lost": lambda f: {"lost": f["lost"] + 1},
    "many lost": lambda f: {"lost": f["lost"] + 20},
    "fewer gained": lambda f: {"gained": max(0, f["gained"] - 1)},
    "none gained": lambda f: {"gained": 0},
    "more energy": lambda f: {"ratio": f["ratio"] * 1.01},
    "much more energy": lambda f: {"ratio": f["ratio"] * 2},
    "more noise": lambda f: {"spread": f["spread"] * 1.5},
    "slower": lambda f: {"p95_ms": f["p95_ms"] + 1},
    "larger": lambda f: {"parameters": f["parameters"] + 100},
}
POLICIES = (
    ModelPolicy(),
    ModelPolicy(max_latency_p95_ms=10.0, max_bytes=3000),
    ModelPolicy(tolerance=0.0, margin=0.01, min_saving=0.0),
    ModelPolicy(tolerance=0.02, margin=0.05, min_n=1, reference="registered"),
)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_more_harm_never_turns_blocked_into_promoted(genuine: Any, data: st.DataObject) -> None:
    figures = data.draw(sound())
    policy = data.draw(st.sampled_from(POLICIES))
    before: Evidence = genuine.evidence(candidate_of(genuine, figures))
    for name in data.draw(st.lists(st.sampled_from(sorted(WORSE)), min_size=1, max_size=3)):
        figures = {**figures, **WORSE[name](figures)}
    after = replace(before, candidates=(candidate_of(genuine, figures),))
    if decide(before, policy).verdict == "BLOCKED":
        assert decide(after, policy).verdict == "BLOCKED"


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_whatever_is_promoted_meets_the_limits(genuine: Any, data: st.DataObject) -> None:
    figures = data.draw(sound())
    policy = data.draw(st.sampled_from(POLICIES))
    evidence = genuine.evidence(candidate_of(genuine, figures))
    decision = decide(evidence, policy)
    if decision.verdict != "PROMOTE_OPTIMIZED":
        assert decision.reasons
        return
    candidate, judgement = evidence.candidates[0], decision.judgements[0]
    assert judgement.drop is not None
    assert judgement.drop_bound is not None
    assert judgement.drop <= policy.tolerance + 1e-12
    assert judgement.drop < judgement.drop_bound <= policy.margin + 1e-12
    energy = candidate.energy
    assert energy is not None
    ratio = getattr(energy, policy.reference)
    assert ratio.ci95[1] <= 1 - policy.min_saving + 1e-12
    assert figures["n"] >= policy.min_n
    assert figures["p95_ms"] <= (policy.max_latency_p95_ms or math.inf)
    assert 4 * figures["parameters"] <= (policy.max_bytes or math.inf)
