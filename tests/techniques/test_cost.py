"""What an answer costs: processor time, and wall time where a GPU answers."""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from leanstage.contracts import DatasetInfo
from leanstage.tasks import SplitFolder
from leanstage.techniques import cost, search
from leanstage.variant import Variant


class Waiting:
    """Answers as a GPU does: the processor waits meanwhile."""

    def predict(self, texts: Sequence[str]) -> NDArray[np.float32]:
        time.sleep(0.02)
        return np.zeros((len(texts), 2), np.float32)


class Computing:
    """Keeps the processor busy, for less time."""

    def predict(self, texts: Sequence[str]) -> NDArray[np.float32]:
        until = time.process_time() + 0.002
        while time.process_time() < until:
            pass
        return np.zeros((len(texts), 2), np.float32)


DEARER = pytest.mark.parametrize(("device", "dearer"), [("cpu", "computing"), ("cuda", "waiting")])


@DEARER
def test_the_clock_is_that_of_what_answers(
    device: str, dearer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cost, "device_type", lambda: device)
    predictors = {"waiting": Waiting(), "computing": Computing()}
    costs = cost.ms_per_answer(predictors, ["a", "b"], batch_size=2)
    assert max(costs, key=lambda name: costs[name]) == dearer


@DEARER
def test_a_student_is_timed_by_the_same_clock(
    device: str, dearer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a GPU answers, what its processor spends says nothing of a narrower model."""
    info = DatasetInfo(
        split="validation", source="x", n=64, rows_sha256="0" * 64, labels=("a", "b")
    )
    rows = SplitFolder(info, ["a text"] * 64, [0] * 64)
    monkeypatch.setattr(cost, "device_type", lambda: device)
    costs = {}
    for name, predictor in {"waiting": Waiting(), "computing": Computing()}.items():
        monkeypatch.setattr(search, "load_predictor", lambda _, given=predictor: given)
        _, costs[name] = search.validation_answers(Variant(Path(), None, ""), rows)  # type: ignore[arg-type]
    assert max(costs, key=lambda name: costs[name]) == dearer
