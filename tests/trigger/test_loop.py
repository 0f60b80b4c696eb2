"""The loop: bursts join, failures do not end it, it can be stopped, it says when it is stuck."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from leanstage.errors import LeanstageError
from leanstage.trigger import loop as loops
from leanstage.trigger.loop import Loop
from leanstage.trigger.metrics import REGISTRY
from leanstage.trigger.settings import Settings
from tests.trigger.service import until

HOUR = 3600


class Work:
    """Stands where the reconciler does."""

    def __init__(self, do: Callable[[int, Callable[[], None]], Any]) -> None:
        self.begun = 0
        self.step: Callable[[], None] = lambda: None
        self._do = do

    def reconcile(self) -> bool:
        self.begun += 1
        return bool(self._do(self.begun, self.step))


@contextmanager
def looping(work: Work, **settings: float) -> Iterator[Loop]:
    def make(step: Callable[[], None]) -> Any:
        work.step = step
        return work

    given = {"interval_seconds": HOUR, "settle_seconds": 0, "max_backoff_seconds": 0.05}
    loop = Loop(make, Settings(**{**given, **settings}))
    loop.start()
    try:
        yield loop
    finally:
        assert loop.stop(10)


def test_it_looks_at_once_and_then_every_interval() -> None:
    work = Work(lambda turn, step: None)
    with looping(work, interval_seconds=0.05) as loop:
        until(lambda: work.begun >= 3)
        assert loop.ready


def test_wake_ups_while_it_works_join_into_one_more() -> None:
    gate = threading.Event()
    work = Work(lambda turn, step: gate.wait(10) and None)
    with looping(work) as loop:
        until(lambda: work.begun == 1)
        for _ in range(100):
            loop.wake()
        gate.set()
        until(lambda: work.begun == 2)
        time.sleep(0.3)
        assert work.begun == 2


def test_a_burst_is_waited_for() -> None:
    work = Work(lambda turn, step: None)
    with looping(work, settle_seconds=1.0) as loop:
        until(lambda: work.begun == 1)
        for _ in range(20):
            loop.wake()
            time.sleep(0.01)
        until(lambda: work.begun == 2)
        time.sleep(1.2)
        assert work.begun == 2


def test_what_is_left_to_do_is_done_right_after() -> None:
    work = Work(lambda turn, step: turn < 4)
    with looping(work):
        until(lambda: work.begun == 4)
        time.sleep(0.2)
        assert work.begun == 4


@pytest.mark.parametrize("error", [LeanstageError("down."), RuntimeError("a bug: token=abc")])
def test_a_failure_is_told_and_tried_again(error: Exception) -> None:
    def fail(turn: int, step: Callable[[], None]) -> None:
        if turn < 3:
            raise error

    before = REGISTRY.get_sample_value("leanstage_failures_total", {"where": "backend"}) or 0
    work = Work(fail)
    with looping(work) as loop:
        until(lambda: work.begun == 3)
        until(lambda: loop.ready)
    after = REGISTRY.get_sample_value("leanstage_failures_total", {"where": "backend"})
    assert after == before + 2


def test_of_a_foreign_error_only_its_kind_is_shown() -> None:
    def fail(turn: int, step: Callable[[], None]) -> None:
        raise RuntimeError("Authorization: Bearer abc")

    with looping(Work(fail), max_backoff_seconds=30) as loop:
        until(lambda: loop.problem)
        assert loop.problem == "RuntimeError"


def test_it_ends_between_two_steps() -> None:
    steps = []

    def long(turn: int, step: Callable[[], None]) -> None:
        for number in range(1000):
            step()
            steps.append(number)
            time.sleep(0.02)

    with looping(Work(long)) as loop:
        until(lambda: len(steps) > 3)
        begun = time.monotonic()
        assert loop.stop(10)
        assert time.monotonic() - begun < 2
    assert len(steps) < 1000
    assert not loop.healthy


def test_a_loop_at_one_step_for_too_long_is_not_healthy(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    work = Work(lambda turn, step: gate.wait(10) and None)
    with looping(work) as loop:
        until(lambda: work.begun == 1)
        assert loop.healthy
        monkeypatch.setattr(loops, "STUCK_SECONDS", 0.05)
        time.sleep(0.1)
        assert not loop.healthy
        gate.set()
        until(lambda: loop.healthy)


def test_it_is_not_ready_once_it_has_not_succeeded_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    work = Work(lambda turn, step: None)
    with looping(work) as loop:
        until(lambda: loop.ready)
        loop._succeeded = time.monotonic() - 4 * HOUR
        assert not loop.ready
