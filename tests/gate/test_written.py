"""Models that generate before the gate: exact match, perplexity, and answers that do not add up."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from leanstage.contracts import EnergyComparison, Evaluation, Flip, Judgement, ModelPolicy
from leanstage.gate import Baseline, decide, judge
from leanstage.tasks import LABEL, Predictions, compare
from leanstage.tasks.written import Written, coded
from tests.gate.conftest import BASELINE, DATA, DIGEST

PLACES = ["forest", "ocean", "desert", "pond"]
ROWS = 600
POLICY = ModelPolicy(tolerance=0.02, margin=0.05)
BY_PERPLEXITY = POLICY.model_copy(update={"metric": "perplexity"})


def written(*, lost: int = 6, more: float = 0.0) -> Predictions:
    """Answers of which ``lost`` of 600 become another text; log-probabilities ``more`` unlikely."""
    truth = [PLACES[row % 4] for row in range(ROWS)]
    before = ["" if row % 10 == 9 else word for row, word in enumerate(truth)]
    after = [f"{word} again" if row < lost else word for row, word in enumerate(before)]
    texts, codes = coded({LABEL: truth, "baseline": before, "candidate": after})
    tokens = (1 + np.arange(ROWS) % 5).astype(np.int32)
    likely = -(0.5 + (np.arange(ROWS) % 7) / 10) * tokens
    noise = 0.02 * np.sin(np.arange(ROWS)) * tokens
    return Predictions(
        codes[LABEL],
        codes["baseline"],
        codes["candidate"],
        written=Written(texts, tokens, likely, likely - np.log1p(more) * tokens - abs(noise)),
    )


def evaluation(given: Predictions, **changes: Any) -> Evaluation:
    assert given.written is not None
    texts = given.written.texts
    rows = np.flatnonzero(given.baseline != given.candidate)[:5].tolist()
    return Evaluation(
        **compare(given, ()).figures()
        | {
            "baseline_digest": BASELINE,
            "candidate_digest": DIGEST["optimized"],
            "dataset_sha256": DATA,
            "predictions_sha256": "a" * 64,
            "flips": tuple(
                Flip(
                    row=row,
                    text="near the",
                    label=texts[given.labels[row]],
                    baseline=texts[given.baseline[row]],
                    candidate=texts[given.candidate[row]],
                )
                for row in rows
            ),
            "seconds": 1.0,
        }
        | changes
    )


def energy(genuine: Any, role: Any = "optimized") -> EnergyComparison:
    found: EnergyComparison = genuine.energy(role)
    workload = found.workload.model_copy(update={"tokens_per_answer": 8})
    return found.model_copy(update={"workload": workload})


def evidence(genuine: Any, stated: Evaluation, shown: Predictions) -> Any:
    kind = {"task": "text-generation", "labels": ()}
    lean = genuine.manifest(DIGEST["optimized"], parameters=500, lineage=genuine.lineage(), **kind)
    candidate = replace(
        genuine.candidate(),
        manifest=lean,
        evaluation=stated,
        energy=energy(genuine),
        predictions=shown,
    )
    baseline = Baseline(genuine.manifest(BASELINE, **kind), BASELINE)
    return replace(genuine.evidence(candidate), baseline=baseline)


def look(genuine: Any, given: Predictions, policy: ModelPolicy = POLICY) -> Judgement:
    return judge(evidence(genuine, evaluation(given), given), policy)[0].judgement


def said(judgement: Judgement) -> list[str]:
    return [f"{reason.code}: {reason.sentence}" for reason in judgement.reasons]


@pytest.mark.parametrize("metric", ["accuracy", "exact_match"])
def test_accuracy_of_texts_is_their_exact_match(genuine: Any, metric: Any) -> None:
    policy = POLICY.model_copy(update={"metric": metric})
    # Every tenth row was wrong before and still is; one of the six changed texts was among them.
    judgement = look(genuine, written(), policy)
    assert said(judgement) == []
    assert judgement.drop == pytest.approx(6 / ROWS)
    [worse] = said(look(genuine, written(lost=24), policy))[:1]
    assert worse.startswith(
        "accuracy.drop: The optimized candidate loses 3.67 points of exact match"
    )


def test_agreement_is_that_of_the_texts(genuine: Any) -> None:
    given = written(lost=10)
    figures = compare(given, ())
    assert figures.agreement == 1 - 10 / ROWS
    assert figures.counts.both_wrong == 60, "the changed text of a wrong row is still wrong"
    assert figures.counts.baseline_only == 9
    assert (figures.metric, figures.macro_f1, figures.classes) == ("exact_match", None, ())


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (0.0, []),
        (0.019, ["accuracy.drop: The optimized candidate has 3.21% more perplexity on 600 rows"]),
        (
            0.06,
            [
                "accuracy.drop: The optimized candidate has 7.36% more perplexity on 600 rows; the "
                "policy accepts 2% of perplexity.",
                "accuracy.uncertain: On 600 rows the optimized candidate may have up to ",
            ],
        ),
    ],
)
def test_perplexity_is_held_to_shares_of_the_baselines(
    genuine: Any, more: float, expected: list[str]
) -> None:
    found = said(look(genuine, written(more=more), BY_PERPLEXITY))
    assert len(found) == len(expected)
    for sentence, start in zip(found, expected, strict=True):
        assert sentence.startswith(start)


def test_a_promotion_by_perplexity_says_so(genuine: Any) -> None:
    given = written()
    decision = decide(evidence(genuine, evaluation(given), given), BY_PERPLEXITY)
    assert decision.verdict == "PROMOTE_OPTIMIZED"
    assert "has 1.28% more perplexity on 600 evaluation rows (at most 1." in decision.sentence
    assert "% more at 95% confidence)" in decision.sentence


def test_perplexity_of_a_handful_is_no_proof(genuine: Any) -> None:
    given = written()
    assert given.written is not None
    few = Predictions(
        given.labels[:29],
        given.baseline[:29],
        given.baseline[:29],
        written=replace(
            given.written,
            tokens=given.written.tokens[:29],
            baseline=given.written.baseline[:29],
            candidate=given.written.baseline[:29],
        ),
    )
    policy = BY_PERPLEXITY.model_copy(update={"min_n": 1})
    assert [text.partition(":")[0] for text in said(look(genuine, few, policy))] == [
        "accuracy.too_few"
    ]


def test_a_metric_of_classes_says_nothing_of_texts(genuine: Any) -> None:
    [first] = said(look(genuine, written(), POLICY.model_copy(update={"metric": "macro_f1"})))
    assert first.startswith(
        "evidence.missing: The answers of the optimized candidate have no macro F1"
    )


def test_perplexity_says_nothing_of_classes(genuine: Any) -> None:
    judgement = judge(genuine.evidence(genuine.candidate()), BY_PERPLEXITY)[0].judgement
    assert said(judgement)[0].startswith(
        "evidence.missing: The answers of the optimized candidate have no perplexity"
    )


def likelihoods(**changes: Callable[[Any], Any]) -> Callable[[Predictions], Predictions]:
    def spoil(given: Predictions) -> Predictions:
        assert given.written is not None
        return replace(
            given,
            written=replace(
                given.written, **{k: v(getattr(given.written, k)) for k, v in changes.items()}
            ),
        )

    return spoil


SPOILT: dict[str, tuple[str, Callable[[Predictions], Any]]] = {
    "likelier than it was": ("another perplexity", likelihoods(candidate=lambda a: a * 0.9)),
    "another baseline": ("another perplexity", likelihoods(baseline=lambda a: a * 1.1)),
    "fewer tokens": ("another perplexity", likelihoods(tokens=lambda a: np.maximum(a - 1, 1))),
    "no tokens": ("over one token or more", likelihoods(tokens=lambda a: a * 0)),
    "surer than sure": ("zero or less", likelihoods(candidate=lambda a: -a)),
    "nothing": ("not one figure", likelihoods(candidate=lambda a: a * np.nan)),
    "too unlikely": ("too unlikely", likelihoods(candidate=lambda a: a * 1e6)),
    "rows left out": ("not one figure", likelihoods(candidate=lambda a: a[:-1])),
    "no numbers": ("no column of 64-bit floats", likelihoods(candidate=lambda a: a.tolist())),
    "texts that stand twice": ("holds one twice", likelihoods(texts=lambda t: (*t[1:], t[1]))),
    "texts that are none": ("is no texts", likelihoods(texts=lambda t: tuple(range(len(t))))),
    "texts left out": ("outside 0 to", likelihoods(texts=lambda t: t[:-1])),
    "texts renamed": ("the rows it shows", likelihoods(texts=lambda t: tuple(f"{x}!" for x in t))),
    "other texts": (
        "the accuracy of the candidate",
        lambda given: replace(given, candidate=given.labels),
    ),
    "classes": ("are classes", lambda given: replace(given, written=None)),
    "something else": ("is no texts", lambda given: replace(given, written={})),
}


@pytest.mark.parametrize("name", SPOILT)
def test_texts_that_are_not_those_of_the_evaluation_are_refused(genuine: Any, name: str) -> None:
    words, spoil = SPOILT[name]
    given = written()
    shown = evidence(genuine, evaluation(given), spoil(given))
    judgement = judge(shown, POLICY)[0].judgement
    assert {reason.code for reason in judgement.reasons} == {"evidence.anomalous"}
    assert any(words in reason.sentence for reason in judgement.reasons), said(judgement)


def both(genuine: Any, **answers: Predictions) -> Any:
    """Evidence of two candidates by role."""
    kind = {"task": "text-generation", "labels": ()}
    candidates = []
    for role, given in answers.items():
        stated = evaluation(given, candidate_digest=DIGEST[role])
        lean = genuine.manifest(DIGEST[role], parameters=500, lineage=genuine.lineage(), **kind)
        candidates.append(
            replace(
                genuine.candidate(role),
                manifest=lean,
                evaluation=stated,
                energy=energy(genuine, role),
                predictions=given,
            )
        )
    return replace(
        genuine.evidence(*candidates),
        baseline=Baseline(genuine.manifest(BASELINE, **kind), BASELINE),
    )


def test_both_candidates_speak_of_the_same_texts_however_they_are_coded(genuine: Any) -> None:
    """Each file codes its texts by itself: what another candidate wrote moves the indices."""
    first, second = written(), written(lost=0)
    assert not np.array_equal(first.labels, second.labels)
    judged = judge(both(genuine, optimized=first, fallback=second), POLICY)
    assert [said(found.judgement) for found in judged] == [[], []]


@pytest.mark.parametrize("changed", ["baseline", "tokens"])
def test_one_baseline_has_one_perplexity_beside_every_candidate(genuine: Any, changed: str) -> None:
    """Else it could be made out to be worse than it is, and the candidate beside it no worse."""
    worse = likelihoods(**{changed: lambda a: (a * 2).astype(a.dtype)})(written(more=0.5))
    for found in judge(both(genuine, optimized=worse, fallback=written()), BY_PERPLEXITY):
        assert any("another perplexity beside" in text for text in said(found.judgement))
