"""Answers to a sample of production: kept as they are, and every figure from them."""

from pathlib import Path

import numpy as np
import pytest

from leanstage.errors import InputError
from leanstage.tasks.production import PRODUCTION_FILE, SampleAnswers, Scores
from leanstage.variant import file_sha256
from leanstage.variant.statistics_sample import auc_interval, wilson_interval


def answers(n: int = 100, same: int = 90) -> SampleAnswers:
    baseline = np.arange(n, dtype=np.int32) % 3
    candidate = baseline.copy()
    candidate[same:] = (candidate[same:] + 1) % 3
    production = np.arange(40) < 20
    scores = Scores(
        folds=np.arange(40, dtype=np.int32) % 2,
        production=production,
        scores=np.where(production, 1.0, np.arange(40) % 4),
    )
    return SampleAnswers(baseline, candidate, {"train": scores})


def test_figures_follow_from_the_answers() -> None:
    figures = answers().figures()
    assert (figures["n"], figures["same"], figures["agreement"]) == (100, 90, 0.9)
    assert figures["ci95"] == wilson_interval(90, 100, 0.95)
    (drift,) = figures["drift"]
    # In either fold half of the others score above every row of production, or beside it.
    assert (drift.against, drift.n, drift.n_other) == ("train", 20, 20)
    assert drift.auc == pytest.approx((0.5 + 0.25) / 2)
    assert drift.ci95 == auc_interval(drift.auc, 20, 20, 0.95)


def test_the_same_answers_give_the_same_bytes(tmp_path: Path) -> None:
    paths = [answers().save(tmp_path / f"{number}-{PRODUCTION_FILE}") for number in range(2)]
    assert len({file_sha256(path) for path in paths}) == 1
    again = SampleAnswers.load(paths[0])
    assert again.figures() == answers().figures()
    assert again.baseline.tolist() == answers().baseline.tolist()


@pytest.mark.parametrize(
    "arrays",
    [
        {"baseline": np.zeros(2, dtype=np.int32)},
        {"baseline": np.zeros(2, dtype=np.int64), "candidate": np.zeros(2, dtype=np.int32)},
        {"baseline": np.zeros((2, 1), dtype=np.int32), "candidate": np.zeros(2, dtype=np.int32)},
        {
            "baseline": np.zeros(2, dtype=np.int32),
            "candidate": np.zeros(2, dtype=np.int32),
            "train.scores": np.zeros(2),
        },
        {"baseline": np.array([{}], dtype=object), "candidate": np.zeros(1, dtype=np.int32)},
    ],
)
def test_what_are_no_such_answers(arrays: dict[str, np.ndarray], tmp_path: Path) -> None:
    path = tmp_path / PRODUCTION_FILE
    np.savez(path, **arrays)
    with pytest.raises(InputError, match="does not hold the answers"):
        SampleAnswers.load(path)


@pytest.mark.parametrize("content", [b"", b"{}", b"PK\x03\x04 no archive"])
def test_a_file_of_another_kind(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / PRODUCTION_FILE
    path.write_bytes(content)
    with pytest.raises(InputError, match="does not hold the answers"):
        SampleAnswers.load(path)


def test_answers_that_cannot_be_counted() -> None:
    one, two = np.zeros(1, dtype=np.int32), np.zeros(2, dtype=np.int32)
    with pytest.raises(ValueError, match="stand beside"):
        SampleAnswers(one, two).figures()
    with pytest.raises(ValueError, match="stand beside"):
        SampleAnswers(one[:0], one[:0]).figures()
    pair = np.array([True, False])
    with pytest.raises(ValueError, match="not all finite"):
        SampleAnswers(one, one, {"train": Scores(two, pair, np.array([0.0, np.nan]))}).figures()
    with pytest.raises(ValueError, match="different lengths"):
        SampleAnswers(one, one, {"train": Scores(two, pair, np.zeros(3))}).figures()
