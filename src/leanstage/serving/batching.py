"""Requests that wait at the same time are answered in one call of the predictor."""

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from leanstage.variant.predictor import Predictor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class _Waiting:
    texts: Sequence[str]
    answer: "asyncio.Future[NDArray[np.float32]]"
    loop: asyncio.AbstractEventLoop


class ClosedError(RuntimeError):
    """A request came after the end."""


class Batcher:
    """A predictor behind a queue, with a thread of its own.

    Nothing waits for company: what came while the predictor was busy goes into the next call
    together, so that a lone request is answered at once and a crowd in large batches.

    Args:
        most_rows: rows of a call, at most; a single request may bring more.
        called: told the rows of every call.
    """

    def __init__(
        self, predictor: Predictor, *, most_rows: int, called: Callable[[int], None]
    ) -> None:
        self._predictor = predictor
        self._most_rows = most_rows
        self._called = called
        self._closed = False
        self._waiting: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="predictor", daemon=True)
        self._thread.start()

    async def answer(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        """Probabilities of shape (texts, classes).

        Raises:
            ClosedError: it was closed before.
        """
        if self._closed:
            raise ClosedError("the predictor was closed")
        loop = asyncio.get_running_loop()
        waiting = _Waiting(texts, loop.create_future(), loop)
        self._waiting.put(waiting)
        return await waiting.answer

    def close(self) -> None:
        """Answer what waits, then end the thread."""
        self._closed = True
        self._waiting.put(None)
        self._thread.join()

    def _work(self) -> None:
        left: _Waiting | None = None
        while True:
            first = left or self._waiting.get()
            if first is None:
                return
            together, left, ended = self._together(first)
            self._answer(together)
            if ended:
                return

    def _together(self, first: _Waiting) -> tuple[list[_Waiting], _Waiting | None, bool]:
        """What goes into one call, the first that has no room in it, and whether the end came."""
        together, rows = [first], len(first.texts)
        while rows < self._most_rows:
            try:
                found = self._waiting.get_nowait()
            except queue.Empty:
                break
            if found is None:
                return together, None, True
            if rows + len(found.texts) > self._most_rows:
                return together, found, False
            together.append(found)
            rows += len(found.texts)
        return together, None, False

    def _answer(self, together: Sequence[_Waiting]) -> None:
        texts = [text for one in together for text in one.texts]
        try:
            given = self._predictor.predict(texts)
        # Whatever a runtime raises is the answer to this request, and no end of the thread.
        except Exception as error:
            if len(together) == 1:
                _tell(together[0], error)
            else:
                # One request at fault must not fail those it was put together with.
                for one in together:
                    self._answer([one])
            return
        self._called(len(texts))
        start = 0
        for one in together:
            _tell(one, given[start : start + len(one.texts)])
            start += len(one.texts)


def _tell(one: _Waiting, answer: "NDArray[np.float32] | Exception") -> None:
    def settle() -> None:
        if one.answer.cancelled():
            return
        if isinstance(answer, Exception):
            one.answer.set_exception(answer)
        else:
            one.answer.set_result(answer)

    one.loop.call_soon_threadsafe(settle)
