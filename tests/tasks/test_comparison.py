"""Every figure of an evaluation, computed from the answers by one function."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leanstage.contracts import Evaluation, PairedCounts
from leanstage.errors import InputError
from leanstage.tasks import Predictions, Slicing, compare
from leanstage.tasks.slices import slicing
from leanstage.variant.bootstrap import macro_f1_upper_drop
from leanstage.variant.statistics import tango_interval

DIGEST = "a" * 64
LABELS = ("a", "b", "c")


def codes(*values: int) -> Any:
    return np.array(values, dtype=np.int32)


def answers(**changed: Any) -> Predictions:
    fields: dict[str, Any] = {
        "labels": codes(0, 0, 0, 1, 1, 2),
        "baseline": codes(0, 0, 1, 1, 1, 2),
        "candidate": codes(0, 0, 1, 1, 0, 2),
        "champion": codes(0, 1, 1, 1, 1, 1),
        "slices": {"lang": slicing(["de", "en", "de", "de", "de", "de"])},
    }
    return Predictions(**fields | changed)


def test_figures_by_hand() -> None:
    found = compare(answers(), LABELS, champion_digest=DIGEST)
    counts = PairedCounts(both_right=4, baseline_only=1, candidate_only=0, both_wrong=1)
    assert found.n == 6
    assert (found.baseline, found.candidate) == (5 / 6, 4 / 6)
    assert found.counts == counts
    assert found.difference == -1 / 6
    assert found.ci95 == tango_interval(counts, 0.95)
    assert found.mcnemar_p == 1.0
    assert found.agreement == 5 / 6
    assert found.macro_f1.baseline == pytest.approx((4 / 5 + 4 / 5 + 1) / 3)
    assert found.macro_f1.candidate == pytest.approx((4 / 6 + 2 / 4 + 1) / 3)
    assert found.macro_f1.difference == found.macro_f1.candidate - found.macro_f1.baseline
    assert found.macro_f1.ci95[0] <= found.macro_f1.difference <= found.macro_f1.ci95[1]
    assert found.champion is not None
    assert (found.champion.digest, found.champion.accuracy) == (DIGEST, 3 / 6)
    assert found.champion.counts == PairedCounts(
        both_right=2, baseline_only=1, candidate_only=2, both_wrong=1
    )
    assert found.confusion == ((2, 1, 0), (1, 1, 0), (0, 0, 1))
    assert [
        (one.label, one.n, one.baseline_recall, one.candidate_recall) for one in found.classes
    ] == [
        ("a", 3, 2 / 3, 2 / 3),
        ("b", 2, 1.0, 0.5),
        ("c", 1, 1.0, 1.0),
    ]
    assert [(one.column, one.value, one.counts.n) for one in found.slices] == [
        ("label", "a", 3),
        ("label", "b", 2),
        ("label", "c", 1),
        ("lang", "de", 5),
        ("lang", "en", 1),
    ]


def test_figures_are_fields_of_an_evaluation(tmp_path: Path) -> None:
    found = compare(answers(), LABELS, champion_digest=DIGEST)
    evaluation = Evaluation(
        **found.figures(),
        baseline_digest=DIGEST,
        candidate_digest=DIGEST,
        dataset_sha256=DIGEST,
        predictions_sha256=DIGEST,
        seconds=0.0,
    )
    again = compare(
        Predictions.load(answers().save(tmp_path / "p")), LABELS, champion_digest=DIGEST
    )
    loaded = Evaluation.load(evaluation.save(tmp_path / "e.json"))
    for name, value in again.figures().items():
        assert getattr(loaded, name) == value


def test_one_row_and_an_absent_class() -> None:
    found = compare(Predictions(codes(1), codes(1), codes(1)), LABELS)
    assert (found.n, found.difference, found.agreement, found.mcnemar_p) == (1, 0.0, 1.0, 1.0)
    assert (found.macro_f1.baseline, found.macro_f1.candidate) == (1.0, 1.0)
    assert found.macro_f1.ci95 == (0.0, 0.0)
    assert found.champion is None
    assert [one.candidate_recall for one in found.classes] == [None, 1.0, None]
    assert [one.value for one in found.slices] == ["b"]
    assert macro_f1_upper_drop(found.counts, found.resampled, 0.95) > 0.7


def test_all_rows_lost() -> None:
    found = compare(Predictions(codes(0, 1), codes(0, 1), codes(1, 0)), ("a", "b"))
    assert (found.baseline, found.candidate, found.difference) == (1.0, 0.0, -1.0)
    assert found.macro_f1.ci95 == (-1.0, -1.0)
    assert found.mcnemar_p == 0.5


@pytest.mark.parametrize(("classes", "kept"), [(50, 50), (51, 0)])
def test_the_confusion_matrix_of_many_classes_is_left_out(classes: int, kept: int) -> None:
    column = np.arange(classes, dtype=np.int32)
    found = compare(Predictions(column, column, column), [f"c{n}" for n in range(classes)])
    assert len(found.confusion) == kept
    assert len(found.classes) == classes


EMPTY = codes()


@pytest.mark.parametrize(
    ("predictions", "said"),
    [
        (lambda: answers(champion=None), "champion and its digest come together"),
        (lambda: answers(candidate=codes(0, 0, 1, 1, 0)), "'candidate' has the shape"),
        (lambda: answers(candidate=codes(0, 0, 1, 1, 0, 3)), "'candidate' holds indices outside"),
        (lambda: answers(labels=codes(0, 0, 1, 1, 0, -1)), "'label' holds indices outside 0 to 2"),
        (lambda: answers(slices={"x": Slicing(("v",), codes(0, 0, 0, 0, 0, 1))}), "'x' holds"),
        (lambda: answers(slices={"x": Slicing(("v",), codes(0))}), "'x' has the shape"),
        (lambda: Predictions(EMPTY, EMPTY, EMPTY, EMPTY), "beside 0 true classes"),
    ],
)
def test_answers_that_cannot_be_counted_are_refused(
    predictions: Callable[[], Predictions], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        compare(predictions(), LABELS, champion_digest=DIGEST)


def test_a_digest_without_a_champion_is_refused() -> None:
    with pytest.raises(InputError, match="come together"):
        compare(answers(), LABELS)
