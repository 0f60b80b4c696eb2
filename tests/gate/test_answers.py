"""Answers that are none, or from which other figures follow than those that are stated."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from leanstage.contracts import Judgement, ModelPolicy
from leanstage.gate import judge
from leanstage.tasks import Predictions, Slicing

COLUMNS = ("labels", "baseline", "candidate")


def look(
    genuine: Any, predictions: Any, policy: ModelPolicy | None = None, **changes: Any
) -> Judgement:
    candidate = replace(genuine.candidate(**changes), predictions=predictions)
    return judge(genuine.evidence(candidate), policy or genuine.policy)[0].judgement


def answers(genuine: Any) -> Predictions:
    found: Predictions = genuine.candidate().predictions
    return found


def every(change: Callable[[Any], Any]) -> Callable[[Predictions], Predictions]:
    """Change every column of the answers alike."""

    def spoil(found: Predictions) -> Predictions:
        slicing = found.slices["channel"]
        return replace(
            found,
            **{name: change(getattr(found, name)) for name in COLUMNS},
            slices={"channel": replace(slicing, codes=change(slicing.codes))},
        )

    return spoil


def channel(**changes: Any) -> Callable[[Predictions], Predictions]:
    def spoil(found: Predictions) -> Predictions:
        return replace(found, slices={"channel": replace(found.slices["channel"], **changes)})

    return spoil


SPOILT: dict[str, tuple[str, Callable[[Predictions], Any]]] = {
    "not answers": ("breaks its contract", lambda found: {"labels": found.labels}),
    "no rows": ("shape", every(lambda column: column[:0])),
    "fewer rows": ("the number of rows", every(lambda column: column[:1999])),
    "duplicated rows": ("the number of rows", every(lambda c: np.concatenate([c, c[:1]]))),
    "swapped": (
        "the difference",
        lambda found: replace(found, baseline=found.candidate, candidate=found.baseline),
    ),
    "shuffled labels": (
        "the accuracy of the baseline",
        lambda found: replace(found, labels=np.roll(found.labels, 7)),
    ),
    "the labels as answers": (
        "the accuracy of the candidate",
        lambda found: replace(found, candidate=found.labels),
    ),
    "a champion of nowhere": (
        "the champion and its digest",
        lambda found: replace(found, champion=found.baseline),
    ),
    "rows in another order": ("the rows it shows", every(lambda column: column[::-1].copy())),
    "slices of other rows": ("other slices", lambda found: rolled(found, 1)),
    "slices renamed": ("other slices", channel(values=("fax", "mail", "phone"))),
    "slices left out": ("other slices", lambda found: replace(found, slices={})),
    "a slice that stands twice": ("stand twice", channel(values=("mail", "mail", "phone"))),
    "slices of numbers": ("are no texts", channel(values=(1, 2, 3))),
    "slices beyond their values": ("outside 0 to 1", channel(values=("chat", "mail"))),
    "slices without codes": ("no column", channel(codes=None)),
    "slices of nothing": ("slices are none", lambda found: replace(found, slices=None)),
    "a slice of another kind": (
        "are no texts",
        lambda found: replace(found, slices={"channel": found.labels}),
    ),
    "the label as a slice": (
        "repeat the true class",
        lambda found: replace(found, slices={"label": Slicing(("a", "b"), found.labels)}),
    ),
}


def rolled(found: Predictions, by: int) -> Predictions:
    return channel(codes=np.roll(found.slices["channel"].codes, by))(found)


@pytest.mark.parametrize("name", SPOILT)
def test_answers_that_are_not_those_of_the_evaluation_are_refused(genuine: Any, name: str) -> None:
    words, spoil = SPOILT[name]
    judgement = look(genuine, spoil(answers(genuine)))
    assert {reason.code for reason in judgement.reasons} == {"evidence.anomalous"}
    assert any(words in reason.sentence for reason in judgement.reasons), judgement.reasons
    candidate = genuine.candidate()
    spoilt = replace(candidate, predictions=spoil(candidate.predictions))
    beside = judge(genuine.evidence(spoilt, genuine.candidate("fallback")), genuine.policy)
    assert not beside[0].judgement.passed


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize(
    "spoil",
    [
        lambda column: column.astype(float),
        lambda column: np.where(np.arange(len(column)) == 5, math.nan, column),
        lambda column: np.where(np.arange(len(column)) == 5, math.inf, column),
        lambda column: column.astype(np.int64),
        lambda column: column.astype(np.int8),
        lambda column: column.astype(bool),
        lambda column: column.astype(object),
        lambda column: column.tolist(),
        lambda column: column.reshape(2, -1),
        lambda column: column[:-1],
        lambda column: column[:0],
        lambda column: column - 1,
        lambda column: column + 1,
        lambda column: None,
    ],
)
def test_columns_are_indices_of_classes(genuine: Any, name: str, spoil: Any) -> None:
    found = answers(genuine)
    judgement = look(genuine, replace(found, **{name: spoil(getattr(found, name))}))
    assert [reason.code for reason in judgement.reasons] == ["evidence.anomalous"]
    assert "cannot be counted" in judgement.reasons[0].sentence
    assert judgement.drop is None


def test_a_single_other_answer_shows(genuine: Any) -> None:
    found = answers(genuine)
    for name in COLUMNS:
        column = getattr(found, name).copy()
        column[1234] = 1 - column[1234]
        assert not look(genuine, replace(found, **{name: column})).passed


def test_without_answers_nothing_passes_and_no_figure_stands(genuine: Any) -> None:
    judgement = look(genuine, None)
    assert [reason.code for reason in judgement.reasons] == ["evidence.missing"]
    assert "file of answers" in judgement.reasons[0].sentence
    assert judgement.drop is None
    assert judgement.slices == ()


def test_the_answers_count_and_not_what_is_stated(genuine: Any) -> None:
    lossy = genuine.candidate(evaluation=genuine.evaluation(lost=90)).predictions
    judgement = look(genuine, lossy)
    assert judgement.drop == pytest.approx(0.04)
    assert {"evidence.anomalous", "accuracy.drop"} <= {one.code for one in judgement.reasons}


def test_a_column_that_the_policy_slices_by_must_be_there(genuine: Any) -> None:
    found = answers(genuine)
    policy = ModelPolicy(slices=("label", "channel", "country", "age"))
    judgement = look(genuine, found, policy)
    assert [reason.code for reason in judgement.reasons] == ["evidence.missing"]
    assert "lack country, age" in judgement.reasons[0].sentence


def test_how_slices_are_coded_does_not_matter(genuine: Any) -> None:
    fallback = genuine.candidate("fallback")
    codes = fallback.predictions.slices["channel"].codes
    recoded = Slicing(("phone", "mail", "chat"), (2 - codes).astype(np.int32))
    fallback = replace(
        fallback, predictions=replace(fallback.predictions, slices={"channel": recoded})
    )
    evidence = genuine.evidence(genuine.candidate("optimized"), fallback)
    assert all(judged.judgement.passed for judged in judge(evidence, genuine.policy))


def test_candidates_of_one_run_have_the_same_labels(genuine: Any) -> None:
    fallback = genuine.candidate("fallback")
    # Every ten rows repeat the channels, but not the labels.
    shifted = every(lambda column: np.roll(column, 10))(fallback.predictions)
    evidence = genuine.evidence(genuine.candidate(), replace(fallback, predictions=shifted))
    sentences = [reason.sentence for reason in judge(evidence, genuine.policy)[0].judgement.reasons]
    assert len(sentences) == 1
    assert "different rows" in sentences[0]


def test_candidates_of_one_run_have_the_same_slices(genuine: Any) -> None:
    fallback = genuine.candidate("fallback")
    swapped = Slicing(("mail", "chat", "phone"), fallback.predictions.slices["channel"].codes)
    for slices in ({"channel": swapped}, {}):
        other = replace(fallback, predictions=replace(fallback.predictions, slices=slices))
        evidence = genuine.evidence(genuine.candidate("optimized"), other)
        for judged in judge(evidence, genuine.policy):
            sentences = [reason.sentence for reason in judged.judgement.reasons]
            assert any("different rows" in sentence for sentence in sentences)
