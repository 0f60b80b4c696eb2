"""More harm never helps, and whatever is promoted meets the limits."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from leanstage.contracts import ModelPolicy
from leanstage.gate import Candidate, Evidence, decide

ACCURACY = ("n", "lost", "gained", "wrong", "lost_in_chat", "better", "worse")
ENERGY = ("ratio", "spread", "p50_ms", "p95_ms")


@st.composite
def sound(draw: st.DrawFn) -> dict[str, Any]:
    """Figures of a sound candidate, near the limits of the default policy."""
    wrong = draw(st.integers(0, 120))
    return {
        "n": draw(st.sampled_from([250, 300, 1000, 4000])),
        "lost": draw(st.integers(0, 60)),
        "lost_in_chat": draw(st.integers(0, 20)),
        "gained": draw(st.integers(0, min(wrong, 12))),
        "wrong": wrong,
        "better": draw(st.sampled_from([None, 0, 5, 30, 60])),
        "worse": draw(st.integers(0, 5)),
        "ratio": draw(st.sampled_from([0.3, 0.7, 0.78, 0.8, 0.82, 1.0])),
        "spread": draw(st.sampled_from([0.1, 1.0, 8.0])),
        "p50_ms": draw(st.sampled_from([2.0, 4.0])),
        "p95_ms": draw(st.sampled_from([4.0, 10.0, 11.0])),
        "parameters": draw(st.sampled_from([500, 1000])),
    }


def candidate_of(build: Any, figures: dict[str, Any]) -> Candidate:
    accuracy = {name: figures[name] for name in ACCURACY}
    energy = {name: figures[name] for name in ENERGY}
    candidate: Candidate = build.candidate(
        manifest=build.manifest("1" * 64, parameters=figures["parameters"]),
        evaluation=build.evaluation(**accuracy),
        energy=build.energy(**energy),
    )
    return candidate


def evidence_of(build: Any, figures: dict[str, Any]) -> Evidence:
    champion = None if figures["better"] is None else build.champion()
    evidence: Evidence = build.evidence(candidate_of(build, figures), champion=champion)
    return evidence


def more(figures: dict[str, Any], name: str, by: int) -> dict[str, Any]:
    return {} if figures[name] is None else {name: figures[name] + by}


WORSE: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "more lost": lambda f: more(f, "lost", 1),
    "many lost": lambda f: more(f, "lost", 20),
    "more lost in a slice": lambda f: more(f, "lost_in_chat", 1),
    "many lost in a slice": lambda f: more(f, "lost_in_chat", 10),
    "a better champion": lambda f: more(f, "better", 1),
    "a far better champion": lambda f: more(f, "better", 20),
    "a champion that is wrong less often": lambda f: {"worse": max(0, f["worse"] - 1)},
    "fewer gained": lambda f: {"gained": max(0, f["gained"] - 1)},
    "none gained": lambda f: {"gained": 0},
    "more energy": lambda f: {"ratio": f["ratio"] * 1.01},
    "much more energy": lambda f: {"ratio": f["ratio"] * 2},
    "more noise": lambda f: {"spread": f["spread"] * 1.5},
    "slower": lambda f: {"p50_ms": f["p50_ms"] + 0.5, "p95_ms": f["p95_ms"] + 0.5},
    "sometimes slower": lambda f: {"p95_ms": f["p95_ms"] + 1},
    "larger": lambda f: {"parameters": f["parameters"] + 100},
}
POLICIES = (
    ModelPolicy(),
    ModelPolicy(max_latency_p50_ms=4.0, max_latency_p95_ms=10.0, max_bytes=3000),
    ModelPolicy(tolerance=0.0, margin=0.01, min_saving=0.0),
    ModelPolicy(tolerance=0.02, margin=0.05, min_n=1, reference="registered"),
    # Only slices and champion can block much here.
    ModelPolicy(tolerance=0.1, margin=0.1, min_n=1, slices=("label", "channel")),
    ModelPolicy(tolerance=0.2, margin=0.2, min_n=1, slices=("channel",), slice_tolerance=0.0),
)


@settings.get_profile("gate-tenth")
@given(data=st.data())
def test_more_harm_never_turns_blocked_into_promoted(genuine: Any, data: st.DataObject) -> None:
    figures = data.draw(sound())
    policy = data.draw(st.sampled_from(POLICIES))
    before = evidence_of(genuine, figures)
    for name in data.draw(st.lists(st.sampled_from(sorted(WORSE)), min_size=1, max_size=3)):
        figures = {**figures, **WORSE[name](figures)}
    after = replace(before, candidates=(candidate_of(genuine, figures),))
    if decide(before, policy).verdict == "BLOCKED":
        assert decide(after, policy).verdict == "BLOCKED"


@settings.get_profile("gate-tenth")
@given(data=st.data())
def test_whatever_is_promoted_meets_the_limits(genuine: Any, data: st.DataObject) -> None:
    figures = data.draw(sound())
    policy = data.draw(st.sampled_from(POLICIES))
    evidence = evidence_of(genuine, figures)
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
    assert all(one.state != "harmed" for one in judgement.slices)
    if evidence.champion is not None:
        assert judgement.champion_drop_bound is not None
        assert judgement.champion_drop_bound <= policy.margin + 1e-12
    assert figures["p50_ms"] <= (policy.max_latency_p50_ms or math.inf)
    assert figures["p95_ms"] <= (policy.max_latency_p95_ms or math.inf)
    assert 4 * figures["parameters"] <= (policy.max_bytes or math.inf)
