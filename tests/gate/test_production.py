"""The sample of production: counted again, and held against the agreement that the policy asks."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from leanstage.contracts import Judgement, ModelPolicy, ProductionCheck
from leanstage.gate import decide, judge
from leanstage.tasks.production import SampleAnswers
from leanstage.variant.statistics_sample import wilson_interval

ASKS = ModelPolicy(min_agreement=0.95)


def sample_of(n: int = 1000, same: int = 990) -> SampleAnswers:
    baseline = np.arange(n, dtype=np.int32) % 2
    candidate = baseline.copy()
    candidate[same:] = 1 - candidate[same:]
    return SampleAnswers(baseline, candidate)


def evidence_of(genuine: Any, sample: SampleAnswers | None, **stated: Any) -> Any:
    """One candidate that was checked on ``sample``; ``stated`` replaces figures of the check."""
    production = None
    if sample is not None:
        fields = {**sample.figures(), "dataset_sha256": "e" * 64, "answers_sha256": "f" * 64}
        production = ProductionCheck(**{**fields, **stated})
    evaluation = genuine.evaluation(production=production)
    return genuine.evidence(genuine.candidate(evaluation=evaluation, sample=sample))


def look(evidence: Any, policy: ModelPolicy = ASKS) -> Judgement:
    return judge(evidence, policy)[0].judgement


def codes(judgement: Judgement) -> list[str]:
    return [reason.code for reason in judgement.reasons]


def test_a_candidate_that_agrees_passes(genuine: Any) -> None:
    judgement = look(evidence_of(genuine, sample_of()))
    assert judgement.passed
    assert judgement.agreement == 0.99
    assert judgement.agreement_bound == wilson_interval(990, 1000, 0.9)[0] > 0.95
    assert decide(evidence_of(genuine, sample_of()), ASKS).verdict == "PROMOTE_OPTIMIZED"


def test_too_little_agreement_blocks(genuine: Any) -> None:
    evidence = evidence_of(genuine, sample_of(same=930))
    judgement = look(evidence)
    assert codes(judgement) == ["agreement.low"]
    (reason,) = judgement.reasons
    assert "93% of 1,000 rows" in reason.sentence
    assert "asks for 95%" in reason.sentence
    assert "Compress less" in reason.next
    assert decide(evidence, ASKS).verdict == "BLOCKED"
    justified = decide(evidence, ASKS, [genuine.justified(evidence, ASKS)])
    assert justified.verdict == "PROMOTE_BASELINE"
    assert look(evidence, ModelPolicy()).passed


def test_few_rows_do_not_show_agreement_and_the_advice_holds(genuine: Any) -> None:
    judgement = look(evidence_of(genuine, sample_of(n=100, same=98)))
    assert codes(judgement) == ["agreement.low"]
    (reason,) = judgement.reasons
    assert "may answer as few as 94.14% as the baseline does" in reason.sentence
    rows = int(reason.next.split("at least ")[1].split(" ")[0].replace(",", "")) // 2
    assert 100 < rows <= 150
    assert wilson_interval(98, 100, 0.9)[0] < 0.95 <= wilson_interval(147, 150, 0.9)[0]


def test_no_number_of_rows_helps_at_the_limit(genuine: Any) -> None:
    (reason,) = look(evidence_of(genuine, sample_of(same=950))).reasons
    assert reason.code == "agreement.low"
    assert "more rows would not help" in reason.next


def test_a_policy_that_asks_for_it_misses_the_sample(genuine: Any) -> None:
    judgement = look(evidence_of(genuine, None))
    assert codes(judgement) == ["evidence.missing"]
    assert "--production-sample" in judgement.reasons[0].next
    assert look(evidence_of(genuine, None), ModelPolicy()).passed


@pytest.mark.parametrize("policy", [ASKS, ModelPolicy()])
def test_figures_without_their_answers_are_worth_nothing(genuine: Any, policy: ModelPolicy) -> None:
    evidence = evidence_of(genuine, sample_of())
    (candidate,) = evidence.candidates
    stripped = replace(evidence, candidates=(replace(candidate, sample=None),))
    assert codes(look(stripped, policy)) == ["evidence.missing"]


@pytest.mark.parametrize(
    ("stated", "said"),
    [({"same": 1000}, "same"), ({"agreement": 1.0}, "agreement"), ({"ci95": (0.9, 1.0)}, "ci95")],
)
def test_a_better_figure_than_the_answers_give(
    genuine: Any, stated: dict[str, Any], said: str
) -> None:
    judgement = look(evidence_of(genuine, sample_of(same=930), **stated), ModelPolicy())
    assert codes(judgement) == ["evidence.anomalous"]
    assert f"states another {said}" in judgement.reasons[0].sentence


def test_what_is_judged_is_counted_and_not_stated(genuine: Any) -> None:
    judgement = look(evidence_of(genuine, sample_of(same=930), same=1000, agreement=1.0))
    assert "agreement.low" in codes(judgement)
    assert judgement.agreement == 0.93


def test_answers_that_are_no_class_of_the_model(genuine: Any) -> None:
    sample = sample_of()
    sample.candidate[0] = 2
    judgement = look(evidence_of(genuine, sample), ModelPolicy())
    assert codes(judgement) == ["evidence.anomalous"]
    assert "no class of the model" in judgement.reasons[0].sentence


def test_candidates_are_checked_on_one_sample(genuine: Any) -> None:
    one = evidence_of(genuine, sample_of()).candidates[0]
    stated = {**sample_of().figures(), "dataset_sha256": "a" * 64, "answers_sha256": "f" * 64}
    evaluation = genuine.evaluation("fallback", production=ProductionCheck(**stated))
    other = genuine.candidate("fallback", evaluation=evaluation, sample=sample_of())
    judged = judge(genuine.evidence(one, other), ModelPolicy())
    assert [codes(found.judgement) for found in judged] == [["evidence.anomalous"]] * 2


def test_one_baseline_answers_one_sample_alike_beside_every_candidate(genuine: Any) -> None:
    """Else its answers could be written to be those of the candidate."""
    one = evidence_of(genuine, sample_of()).candidates[0]
    copied = SampleAnswers(sample_of().candidate, sample_of().candidate)
    stated = {**copied.figures(), "dataset_sha256": "e" * 64, "answers_sha256": "f" * 64}
    evaluation = genuine.evaluation("fallback", production=ProductionCheck(**stated))
    other = genuine.candidate("fallback", evaluation=evaluation, sample=copied)
    for found in judge(genuine.evidence(one, other), ModelPolicy()):
        assert codes(found.judgement) == ["evidence.anomalous"]
        assert "other answers of the baseline" in found.judgement.reasons[0].sentence
