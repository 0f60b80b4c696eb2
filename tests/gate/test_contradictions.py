"""Evidence that does not add up, speaks of other bytes, or breaks its contract."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from leanstage.contracts import Judgement, ModelPolicy
from leanstage.energy.ratios import energy_ratio
from leanstage.gate import Candidate, evidence_sha256, judge

Spoil = Callable[[Any, Any, Candidate], Candidate]
OTHER = "9" * 64


def put(part: str, *path: str | int, value: Any) -> Spoil:
    """Put ``value`` somewhere into the evaluation, energy or manifest, unchecked."""

    def spoil(genuine: Any, spoiled: Any, candidate: Candidate) -> Candidate:
        document = spoiled.put(getattr(candidate, part), path, value)
        return replace(candidate, **{part: document})

    return spoil


def made(part: str, **changes: Any) -> Spoil:
    """Build the evaluation or energy with other figures."""

    def spoil(genuine: Any, spoiled: Any, candidate: Candidate) -> Candidate:
        return replace(candidate, **{part: getattr(genuine, part)(**changes)})

    return spoil


def twice(part: str, *path: str) -> Spoil:
    """Let the first item of a list stand twice."""

    def spoil(genuine: Any, spoiled: Any, candidate: Candidate) -> Candidate:
        document = getattr(candidate, part)
        items = getattr(document, path[0])
        return replace(candidate, **{part: spoiled.put(document, path, (items[0], *items))})

    return spoil


def swapped(part: str, one: str, other: str) -> Spoil:
    """Swap two fields of a document."""

    def spoil(genuine: Any, spoiled: Any, candidate: Candidate) -> Candidate:
        document = getattr(candidate, part)
        first, second = getattr(document, one), getattr(document, other)
        document = spoiled.put(spoiled.put(document, (one,), second), (other,), first)
        return replace(candidate, **{part: document})

    return spoil


def field(**changes: Any) -> Spoil:
    """Change the candidate itself."""
    return lambda genuine, spoiled, candidate: replace(candidate, **changes)


SPOILT: dict[str, tuple[str, str, Spoil]] = {
    "no manifest": ("evidence.missing", "no manifest", field(manifest=None)),
    "no digest": ("evidence.missing", "not computed", field(digest=None)),
    "odd digest": ("evidence.missing", "not computed", field(digest="sha256")),
    "no evaluation": ("evidence.missing", "no evaluation", field(evaluation=None)),
    "no energy": ("evidence.missing", "no energy comparison", field(energy=None)),
    "other bytes": ("digest.mismatch", "its bytes give 999999", field(digest=OTHER)),
    "unsealed": (
        "digest.mismatch",
        "states the digest none",
        put("manifest", "digest", value=None),
    ),
    "larger": ("evidence.anomalous", "more than", put("manifest", "parameters", value=1001)),
    "labels": (
        "evidence.anomalous",
        "other labels",
        put("manifest", "labels", value=("positive", "negative")),
    ),
    "evaluation of others": (
        "digest.mismatch",
        "The evaluation",
        swapped("evaluation", "baseline_digest", "candidate_digest"),
    ),
    "energy of others": (
        "digest.mismatch",
        "The measurement",
        swapped("energy", "baseline_digest", "candidate_digest"),
    ),
    "energy of another candidate": (
        "digest.mismatch",
        "speaks of",
        made("energy", role="fallback"),
    ),
    "arm of others": (
        "digest.mismatch",
        "does not carry",
        put("energy", "arms", 2, "digest", value=OTHER),
    ),
    "arm without digest": (
        "digest.mismatch",
        "does not carry",
        put("energy", "arms", 0, "digest", value=None),
    ),
    "not an evaluation": (
        "evidence.anomalous",
        "breaks its contract",
        lambda genuine, spoiled, candidate: replace(candidate, evaluation=genuine.energy()),
    ),
    "NaN": (
        "evidence.anomalous",
        "breaks its contract",
        put("evaluation", "difference", value=math.nan),
    ),
    "n": ("evidence.anomalous", "1,999", put("evaluation", "n", value=1999)),
    "no rows": (
        "evidence.anomalous",
        "other paired counts",
        put(
            "evaluation",
            "counts",
            value={"both_right": 0, "baseline_only": 0, "candidate_only": 0, "both_wrong": 0},
        ),
    ),
    "counts beyond floats": (
        "evidence.anomalous",
        "other paired counts",
        put(
            "evaluation",
            "counts",
            value={
                "both_right": 10**400,
                "baseline_only": 10**399,
                "candidate_only": 10**400,
                "both_wrong": 0,
            },
        ),
    ),
    "counts moved": (
        "evidence.anomalous",
        "other paired counts",
        put(
            "evaluation",
            "counts",
            value={"both_right": 1886, "baseline_only": 14, "candidate_only": 9, "both_wrong": 91},
        ),
    ),
    "baseline": ("evidence.anomalous", "baseline is", put("evaluation", "baseline", value=0.94)),
    "candidate": ("evidence.anomalous", "candidate is", put("evaluation", "candidate", value=0.95)),
    "difference": (
        "evidence.anomalous",
        "the difference",
        put("evaluation", "difference", value=0.0),
    ),
    "interval": (
        "evidence.anomalous",
        "the 95% interval",
        put("evaluation", "ci95", value=(-0.001, 0.001)),
    ),
    "agreement": (
        "evidence.anomalous",
        "the agreement",
        put("evaluation", "agreement", value=1.0),
    ),
    "p-value": (
        "evidence.anomalous",
        "the p-value of the McNemar test",
        put("evaluation", "mcnemar_p", value=0.5),
    ),
    "macro F1": (
        "evidence.anomalous",
        "another macro F1",
        put("evaluation", "macro_f1", "candidate", value=0.95),
    ),
    "interval of the macro F1": (
        "evidence.anomalous",
        "another macro F1",
        put("evaluation", "macro_f1", "ci95", value=(-0.001, 0.001)),
    ),
    "rows of a slice": (
        "evidence.anomalous",
        "other slices",
        put("evaluation", "slices", 2, "counts", "both_right", value=1),
    ),
    "name of a slice": (
        "evidence.anomalous",
        "other slices",
        put("evaluation", "slices", 2, "value", value="fax"),
    ),
    "slice twice": ("evidence.anomalous", "other slices", twice("evaluation", "slices")),
    "no slices": ("evidence.anomalous", "other slices", put("evaluation", "slices", value=())),
    "champion of nowhere": (
        "evidence.anomalous",
        "the champion and its digest",
        lambda genuine, spoiled, candidate: replace(
            candidate,
            evaluation=spoiled.put(
                candidate.evaluation,
                ("champion",),
                {"digest": OTHER, "accuracy": 0.95, "counts": candidate.evaluation.counts},
            ),
        ),
    ),
    "row shown": (
        "evidence.anomalous",
        "the rows it shows",
        put("evaluation", "flips", 0, "row", value=0),
    ),
    "answer shown": (
        "evidence.anomalous",
        "the rows it shows",
        put("evaluation", "flips", 0, "candidate", value="mixed"),
    ),
    "class rows": (
        "evidence.anomalous",
        "other classes",
        put("evaluation", "classes", 0, "n", value=999),
    ),
    "class twice": ("evidence.anomalous", "other classes", twice("evaluation", "classes")),
    "recall": (
        "evidence.anomalous",
        "other classes",
        put("evaluation", "classes", 0, "candidate_recall", value=0.9),
    ),
    "recall missing": (
        "evidence.anomalous",
        "other classes",
        put("evaluation", "classes", 0, "candidate_recall", value=None),
    ),
    "confusion": (
        "evidence.anomalous",
        "another confusion matrix",
        put("evaluation", "confusion", 0, value=(999, 1)),
    ),
    "confusion shape": (
        "evidence.anomalous",
        "another confusion matrix",
        put("evaluation", "confusion", value=((1000, 0, 0), (0, 1000, 0))),
    ),
    "implausible gain": (
        "evidence.anomalous",
        "not plausible",
        made("evaluation", lost=0, gained=101, wrong=200),
    ),
    "overlap": (
        "policy.untrusted",
        "also stand in the training split",
        put("evaluation", "overlap_with_train", value=1),
    ),
    "tier": ("policy.untrusted", "declared", made("energy", tier="declared")),
    "batch size": (
        "policy.untrusted",
        "batch size 1",
        put("energy", "workload", "batch_size", value=1),
    ),
    "another machine": (
        "evidence.anomalous",
        "family 6, model 85",
        put("energy", "node", "model", value=85),
    ),
    "failed check": (
        "evidence.anomalous",
        "control: A/A",
        put("energy", "checks", 0, "passed", value=False),
    ),
    "no checks": ("evidence.anomalous", "none was made", put("energy", "checks", value=())),
    "no windows": ("evidence.anomalous", "its arms are not", put("energy", "windows", value=())),
    "window twice": ("evidence.anomalous", "stands in it twice", twice("energy", "windows")),
    "arm twice": ("evidence.anomalous", "stands in it twice", twice("energy", "arms")),
    "strongest ratio": (
        "evidence.anomalous",
        "the ratio of candidate",
        put("energy", "strongest", "ratio", value=0.2),
    ),
    "registered interval": (
        "evidence.anomalous",
        "the ratio of candidate to baseline",
        put("energy", "registered", "ci95", value=(0.1, 0.2)),
    ),
    "blocks": (
        "evidence.anomalous",
        "in the same blocks",
        put("energy", "registered", "blocks", value=11),
    ),
    "joules of a window": (
        "evidence.anomalous",
        "its windows give",
        put("energy", "windows", 2, "joules", value=1.0),
    ),
    "joules of an arm": (
        "evidence.anomalous",
        "the energy of candidate",
        put("energy", "arms", 2, "joules_per_answer", value=0.1),
    ),
    "watt-hours of an arm": (
        "evidence.anomalous",
        "the energy of baseline",
        put("energy", "arms", 0, "wh_per_1000", value=0.1),
    ),
    "weaker reference": (
        "evidence.anomalous",
        "not the strongest",
        lambda genuine, spoiled, candidate: replace(
            candidate, energy=genuine.energy(strongest=genuine.energy().registered)
        ),
    ),
    "ratios of two candidates": (
        "evidence.anomalous",
        "one candidate",
        put("energy", "strongest", "arm", value="control"),
    ),
    "control against itself": (
        "evidence.anomalous",
        "own windows",
        put("energy", "control", "arm", value="candidate"),
    ),
    "median latency": (
        "evidence.anomalous",
        "the latencies of candidate are not those of its calls",
        put("energy", "arms", 2, "latency_p50_ms", value=2.9),
    ),
    "95th percentile": (
        "evidence.anomalous",
        "the latencies of candidate are not those of its calls",
        put("energy", "arms", 2, "latency_p95_ms", value=5.9),
    ),
    "a single call": (
        "evidence.anomalous",
        "the latencies of candidate are not those of its calls",
        put("energy", "arms", 2, "latencies_ms", value=(3.0,)),
    ),
    "rows left unanswered": (
        "evidence.anomalous",
        "its windows fail answers",
        put("energy", "windows", 2, "asked", value=41),
    ),
    "a worker that spins": (
        "evidence.anomalous",
        "its windows fail idle-workers",
        put("energy", "arms", 2, "idle_share", value=0.9),
    ),
    "power of nowhere": (
        "evidence.anomalous",
        "its windows fail power",
        put("energy", "meter", "possible_watts", value=(0.0, 5.0)),
    ),
}


@pytest.mark.parametrize("name", SPOILT)
def test_what_does_not_add_up_is_refused(name: str, genuine: Any, spoiled: Any) -> None:
    code, words, spoil = SPOILT[name]
    candidate = spoil(genuine, spoiled, genuine.candidate())
    judgement = look(genuine, candidate)
    assert not judgement.passed
    found = [reason for reason in judgement.reasons if reason.code == code]
    assert any(words in reason.sentence for reason in found), judgement.reasons
    assert all(reason.candidate == "optimized" for reason in judgement.reasons)


def look(genuine: Any, candidate: Candidate, policy: ModelPolicy | None = None) -> Judgement:
    return judge(genuine.evidence(candidate), policy or genuine.policy)[0].judgement


def test_the_genuine_candidate_passes(genuine: Any) -> None:
    assert look(genuine, genuine.candidate()).passed


def test_no_figure_may_be_left_out(genuine: Any) -> None:
    for part in ("classes", "confusion", "slices"):
        evaluation = genuine.evaluation(**{part: ()})
        judgement = look(genuine, genuine.candidate(evaluation=evaluation))
        assert [reason.code for reason in judgement.reasons] == ["evidence.anomalous"]


def test_the_policy_may_allow_overlap_and_name_the_data(genuine: Any) -> None:
    candidate = genuine.candidate(evaluation=genuine.evaluation(overlap_with_train=5))
    assert look(genuine, candidate, ModelPolicy(allow_overlap=True)).passed
    assert look(genuine, genuine.candidate(), ModelPolicy(evaluation_sha256="d" * 64)).passed
    judgement = look(genuine, genuine.candidate(), ModelPolicy(evaluation_sha256="e" * 64))
    assert [reason.code for reason in judgement.reasons] == ["policy.untrusted"]


def test_a_policy_may_demand_a_measured_tier(genuine: Any) -> None:
    candidate = genuine.candidate(energy=genuine.energy(tier="estimated"))
    judgement = look(genuine, candidate, ModelPolicy(tiers=("measured",)))
    assert [reason.code for reason in judgement.reasons] == ["policy.untrusted"]


def test_the_candidate_may_not_be_the_baseline(genuine: Any) -> None:
    evidence = genuine.evidence(genuine.candidate())
    itself = replace(evidence.candidates[0], digest=evidence.baseline.digest)
    judgement = judge(replace(evidence, candidates=(itself,)), genuine.policy)[0].judgement
    assert "The optimized candidate is the baseline, byte for byte." in [
        reason.sentence for reason in judgement.reasons
    ]


def test_candidates_of_one_run_share_rows_and_baseline(genuine: Any) -> None:
    optimized = genuine.candidate("optimized")
    for evaluation, words in (
        (genuine.evaluation("fallback", dataset_sha256="e" * 64), "different rows"),
        (genuine.evaluation("fallback", n=2001), "different rows"),
        (genuine.evaluation("fallback", wrong=90), "The baseline answers 0.50% of the rows"),
    ):
        fallback = genuine.candidate("fallback", evaluation=evaluation)
        for judged in judge(genuine.evidence(optimized, fallback), genuine.policy):
            assert not judged.judgement.passed
            assert words in judged.judgement.reasons[0].sentence


def test_a_baseline_is_steady_within_a_row_in_a_thousand(genuine: Any) -> None:
    optimized = genuine.candidate("optimized")
    for wrong, passed in ((102, True), (103, False)):
        evaluation = genuine.evaluation("fallback", wrong=wrong)
        fallback = genuine.candidate("fallback", evaluation=evaluation)
        for judged in judge(genuine.evidence(optimized, fallback), genuine.policy):
            assert judged.judgement.passed is passed


def test_two_candidates_may_not_be_the_same_bytes(genuine: Any) -> None:
    optimized = genuine.candidate("optimized")
    copy = replace(optimized, role="fallback")
    for judged in judge(genuine.evidence(optimized, copy), genuine.policy):
        assert [reason.code for reason in judged.judgement.reasons] == ["evidence.anomalous"]


def test_without_a_sound_baseline_no_candidate_passes(genuine: Any) -> None:
    evidence = genuine.evidence()
    for baseline in (
        replace(evidence.baseline, manifest=None),
        replace(evidence.baseline, digest=None),
        replace(evidence.baseline, manifest=genuine.manifest(OTHER)),
    ):
        for judged in judge(replace(evidence, baseline=baseline), genuine.policy):
            assert "evidence.missing" in {reason.code for reason in judged.judgement.reasons}


def test_windows_beyond_belief_are_refused_in_a_sentence(genuine: Any) -> None:
    energy = genuine.energy()
    extremes = {("candidate", 0): 1e-300, ("baseline", 0): 1e300, ("candidate", 1): 1e300}
    windows = tuple(
        window.model_copy(
            update={"joules": extremes.get((window.arm, window.block), window.joules)}
        )
        for window in energy.windows
    )
    spoilt = energy.model_copy(update={"windows": windows})
    judgement = look(genuine, genuine.candidate(energy=spoilt))
    assert {reason.code for reason in judgement.reasons} == {"evidence.anomalous"}


def test_the_gate_computes_what_the_measurement_states(genuine: Any) -> None:
    energy = genuine.energy(spread=3.0)
    stated = {
        name: energy_ratio(energy.windows, ratio.arm, ratio.against)
        for name, ratio in (
            ("registered", energy.registered),
            ("strongest", energy.strongest),
            ("control", energy.control),
        )
    }
    measured = genuine.energy(spread=3.0, **stated)
    assert look(genuine, genuine.candidate(energy=measured)).passed


def test_the_hash_of_the_evidence_covers_what_serves(genuine: Any) -> None:
    evidence = genuine.evidence()
    other = evidence.hardware.model_copy(update={"threads": 64})
    hashes = {evidence_sha256(replace(evidence, hardware=each)) for each in (other, None, "x")}
    assert len(hashes | {evidence_sha256(evidence)}) == 4
