import sys
from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

from leanstage.energy.worker import Worker


class Telling:
    """Notes when it is asked."""

    def __init__(self, events: list[str]) -> None:
        self._events = events

    def predict(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self._events.append("answer")
        return np.full((len(texts), 2), 0.5, dtype=np.float32)


def test_a_window_begins_and_ends_when_the_gpu_has_nothing_left_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    events: list[str] = []
    cuda = SimpleNamespace(is_initialized=lambda: True, synchronize=lambda: events.append("wait"))
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    worker = Worker()
    worker._predictor = Telling(events)
    worker.prepare(["one", "two"], 2)
    events.clear()
    worker.run(0.0, 2)
    worker.one_by_one(1, 0.0)
    assert events == ["wait", "answer", "wait"] * 2


def test_a_model_that_does_not_write_is_not_asked_to_read() -> None:
    worker = Worker()
    worker._predictor = Telling([])
    worker.prepare(["one", "two"], 2)
    with pytest.raises(RuntimeError, match="does not write"):
        worker.run(0.0, 2, reading=True)
