"""What an answer costs: processor time, and wall time where a GPU answers."""

import time
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from leanstage.techniques import cost


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


@pytest.mark.parametrize(("device", "dearer"), [("cpu", "computing"), ("cuda", "waiting")])
def test_the_clock_is_that_of_what_answers(
    device: str, dearer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cost, "device_type", lambda: device)
    predictors = {"waiting": Waiting(), "computing": Computing()}
    costs = cost.ms_per_answer(predictors, ["a", "b"], batch_size=2)
    assert max(costs, key=lambda name: costs[name]) == dearer
