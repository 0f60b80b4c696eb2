"""Energy as the integral of power, for what has no counter or whose counter is to be checked."""

import threading
import time
from collections.abc import Callable

from leanstage.energy.meters.base import MeterError

_SAMPLE_SECONDS = 0.05


class PowerIntegral:
    """Samples power in a thread between begin and end; trapezoids in between.

    Args:
        read_watts: the power now; its MeterError is raised again at the end.
    """

    def __init__(self, read_watts: Callable[[], float]) -> None:
        self._read_watts = read_watts
        self._samples: list[tuple[float, float]] = []
        self._error: MeterError | None = None
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Start to sample.

        Raises:
            MeterError: the power cannot be read.
        """
        if self._thread is not None:
            self.end()
        self._samples, self._error = [], None
        self._over.clear()
        self._sample()
        self._thread = threading.Thread(target=self._run, name="power", daemon=True)
        self._thread.start()

    def end(self) -> float:
        """Joules since ``begin``.

        Raises:
            MeterError: the power could not be read all the time.
        """
        if self._thread is None:
            raise MeterError("The power was never sampled.")
        self._over.set()
        self._thread.join()
        self._thread = None
        if self._error is not None:
            raise self._error
        self._sample()
        pairs = zip(self._samples, self._samples[1:], strict=False)
        return sum((t2 - t1) * (w1 + w2) / 2 for (t1, w1), (t2, w2) in pairs)

    def _run(self) -> None:
        try:
            while not self._over.wait(_SAMPLE_SECONDS):
                self._sample()
        except MeterError as error:
            self._error = error

    def _sample(self) -> None:
        self._samples.append((time.perf_counter(), self._read_watts()))
