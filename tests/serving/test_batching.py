"""Requests that wait together go into one call, and one at fault fails alone."""

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from leanstage.serving.batching import Batcher, ClosedError


class Lengths:
    """Answers how long a text is, once ``go`` is set; fails at a text ``bad``."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.calls: list[int] = []

    def predict(self, texts: Sequence[str]) -> Any:
        assert self.go.wait(10)
        self.calls.append(len(texts))
        if "bad" in texts:
            raise ValueError("a bad text")
        return np.array([[len(text)] for text in texts], dtype=np.float32)


def asked(most_rows: int, *requests: list[str]) -> tuple[Lengths, list[int], list[Any]]:
    """The predictor, the rows of its calls, and what was answered to each request."""
    predictor, told = Lengths(), []
    batcher = Batcher(predictor, most_rows=most_rows, called=told.append)

    async def run() -> list[Any]:
        first = asyncio.ensure_future(batcher.answer(["first"]))
        await asyncio.sleep(0.2)  # It is in the predictor now.
        rest = [asyncio.ensure_future(batcher.answer(texts)) for texts in requests]
        await asyncio.sleep(0.2)
        predictor.go.set()
        return await asyncio.gather(first, *rest, return_exceptions=True)

    answers = asyncio.run(run())
    batcher.close()
    return predictor, told, answers[1:]


def test_what_waits_together_is_answered_together() -> None:
    predictor, told, answers = asked(64, ["a"], ["bb", "ccc"], ["dddd"])
    assert predictor.calls == told == [1, 4]
    assert [answer.ravel().tolist() for answer in answers] == [[1], [2, 3], [4]]


def test_a_call_has_so_many_rows_at_most() -> None:
    predictor, _, answers = asked(3, ["a"], ["bb", "ccc"], ["dddd"], ["e"] * 5)
    assert predictor.calls == [1, 3, 1, 5]
    assert [len(answer) for answer in answers] == [1, 2, 1, 5]


def test_a_request_at_fault_fails_alone() -> None:
    predictor, told, answers = asked(64, ["a"], ["bad"], ["bb"])
    assert predictor.calls == [1, 3, 1, 1, 1]
    assert told == [1, 1, 1], "calls that failed are not counted"
    assert answers[0].tolist() == [[1]]
    assert isinstance(answers[1], ValueError)
    assert answers[2].tolist() == [[2]]


def test_what_waits_is_answered_before_the_end() -> None:
    predictor = Lengths()
    batcher = Batcher(predictor, most_rows=64, called=lambda _: None)

    async def run() -> Any:
        waiting = asyncio.ensure_future(batcher.answer(["a"]))
        await asyncio.sleep(0.1)
        closing = asyncio.get_running_loop().run_in_executor(None, batcher.close)
        predictor.go.set()
        return await waiting, await closing

    answer, _ = asyncio.run(run())
    assert answer.tolist() == [[1]]
    with pytest.raises(ClosedError):
        asyncio.run(batcher.answer(["late"]))
