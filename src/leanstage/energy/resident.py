"""A resident worker as it is asked: each command a method, each reply checked."""

from collections.abc import Sequence
from pathlib import Path

from leanstage.energy.arrivals import AtRate
from leanstage.energy.parent import WorkerError, WorkerProcess
from leanstage.energy.predictors import DEFAULT_LOADER
from leanstage.energy.replies import Run, Singles, WarmUp


class ResidentWorker(WorkerProcess):
    """One worker process with one model, for the length of a ``with`` block."""

    _rows = 0

    def load(self, path: Path, loader: str = DEFAULT_LOADER) -> float:
        """Load the model in ``path``; seconds that the loader took, its imports included."""
        reply = self.ask("load", path=str(path), loader=loader)
        return float(reply["load_seconds"])

    def prepare(self, texts: Sequence[str], batch_size: int) -> None:
        """Hand over the rows of the next windows; one batch is answered unmeasured."""
        self._rows = len(texts)
        self.ask("prepare", texts=list(texts), batch_size=batch_size)

    def warm_up(self, max_seconds: float, least_batches: int) -> WarmUp:
        """Warm up on the prepared rows, for ``max_seconds`` or so many batches."""
        reply = self.ask("warm_up", max_seconds=max_seconds, least_batches=least_batches)
        return WarmUp(int(reply["iterations"]), bool(reply["settled"]))

    def wait(self) -> float:
        """CPU seconds that the worker used since its last reply, while it waited."""
        return float(self.ask("wait")["idle_cpu_seconds"])

    def run(self, min_seconds: float, min_answers: int, *, reading: bool = False) -> Run:
        """One window of whole passes over the prepared rows.

        Args:
            min_seconds: shortest length of the window.
            min_answers: fewest answers in it.
            reading: end every answer after its first token; for models that write.

        Raises:
            WorkerError: it failed, or reports no answer, no time or no CPU time.
        """
        reply = self.ask("run", min_seconds=min_seconds, min_answers=min_answers, reading=reading)
        run = Run(
            answers=int(reply["answers"]),
            planned=int(reply["passes"]) * self._rows,
            wall_seconds=float(reply["wall_seconds"]),
            cpu_seconds=float(reply["cpu_seconds"]),
            peak_rss_bytes=int(reply["peak_rss_bytes"]),
        )
        for field, value in run._asdict().items():
            if not value > 0:
                raise WorkerError(f"The {self.name} worker reported {value} {field} for a window.")
        return run

    def one_by_one(self, min_calls: int, min_seconds: float = 0.0) -> Singles:
        """One window of single-row calls on the prepared rows.

        Raises:
            WorkerError: it failed, or reports no time or no CPU time.
        """
        reply = self.ask("one_by_one", min_calls=min_calls, min_seconds=min_seconds)
        singles = Singles(
            milliseconds=[float(value) for value in reply["milliseconds"]],
            wall_seconds=float(reply["wall_seconds"]),
            cpu_seconds=float(reply["cpu_seconds"]),
        )
        if not min(singles.wall_seconds, singles.cpu_seconds) > 0:
            raise WorkerError(f"The {self.name} worker reported no time for its single calls.")
        return singles

    def at_rate(self, rate: float, seconds: float, seed: int) -> AtRate:
        """One window of requests, each a batch of the prepared rows, at random times.

        A model in the worker answers one request after the other; a server gets them as they come.

        Args:
            rate: requests per second, on average.
            seconds: length of the window; under overload it lasts up to twice as long, and then
                until what was begun is answered.
            seed: fixes the times; the same seed gives every model the same.

        Raises:
            WorkerError: it failed, or reports no answer, no time or no CPU time.
        """
        reply = self.ask("at_rate", rate=rate, seconds=seconds, seed=seed)
        found = AtRate(
            rate=rate,
            achieved_rate=reply["achieved_rate"],
            latencies_ms=reply["latencies_ms"],
            answers=int(reply["answers"]),
            planned=int(reply["planned"]),
            failure=reply["failure"],
            wall_seconds=float(reply["wall_seconds"]),
            cpu_seconds=float(reply["cpu_seconds"]),
            peak_rss_bytes=int(reply["peak_rss_bytes"]),
        )
        if not min(found.answers, found.wall_seconds, found.cpu_seconds) > 0:
            raise WorkerError(f"The {self.name} worker was not up to the load: {found.sentence()}")
        return found
