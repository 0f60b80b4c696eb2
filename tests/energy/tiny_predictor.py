"""Loaders for the worker under test; the folder says how much work an answer takes."""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Probabilities = NDArray[np.float32]


class Tiny:
    """Two classes; ``work`` is called once per row."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._work = work

    def predict(self, texts: Sequence[str]) -> Probabilities:
        print("a library that talks on stdout")
        for _ in texts:
            self._work()
        return np.full((len(texts), 2), 0.5, dtype=np.float32)


class Cut(Tiny):
    """Its last row is never a number."""

    def predict(self, texts: Sequence[str]) -> Probabilities:
        probabilities = super().predict(texts)
        probabilities[-1] = np.nan
        return probabilities


def burning(folder: Path) -> Tiny:
    """Each row costs ``products`` small matrix products."""
    products = json.loads((folder / "work.json").read_text())["products"]
    matrix = np.random.default_rng(0).random((48, 48), dtype=np.float32)

    def work() -> None:
        for _ in range(products):
            matrix @ matrix

    return Tiny(work)


class Writing(Tiny):
    """Its whole answers take 32 times the work of their first token."""

    def predict(self, texts: Sequence[str]) -> Probabilities:
        return super().predict([text for text in texts for _ in range(32)])[: len(texts)]

    def read(self, texts: Sequence[str]) -> Probabilities:
        return super().predict(texts)


def writing(folder: Path) -> Tiny:
    """As ``burning``, token by token."""
    return Writing(burning(folder)._work)


def sleeping(folder: Path) -> Tiny:
    """Each row takes time, and next to no CPU."""
    return Tiny(lambda: time.sleep(0.005))


def cut(folder: Path) -> Tiny:
    """As ``sleeping``, with one unusable answer per batch."""
    return Cut(lambda: time.sleep(0.001))


def spinning(folder: Path) -> Tiny:
    """A thread spins in the background, as some thread pools do while they wait."""

    def spin() -> None:
        while True:
            pass

    threading.Thread(target=spin, daemon=True).start()
    return Tiny(lambda: None)


def dying(folder: Path) -> Tiny:
    """The baseline works; the candidate leaves its process id behind and dies when asked."""
    (folder / "pid").write_text(str(os.getpid()))
    return Tiny((lambda: os._exit(7)) if folder.name == "candidate" else (lambda: None))


def killed_in_a_window(folder: Path) -> Tiny:
    """Wakes up and warms up; the candidate is killed, as for want of memory, in a window."""
    (folder / "pid").write_text(str(os.getpid()))

    def work() -> None:
        frame = sys._getframe()
        while frame.f_back and frame.f_code.co_name != "run":
            frame = frame.f_back
        if folder.name == "candidate" and frame.f_code.co_name == "run":
            os.kill(os.getpid(), signal.SIGKILL)

    return Tiny(work)


def hanging(folder: Path) -> Tiny:
    """Never answers."""
    (folder / "pid").write_text(str(os.getpid()))
    return Tiny(lambda: time.sleep(60))
