"""One row beside PyTorch's float32 on the same processors: answers, then costs in turn."""

import json
import math
import os
import random
import statistics
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from benchmarks.peers.catalogue import Peer
from leanstage.energy.ratios import paired_ratio
from leanstage.variant.statistics import paired_counts, tango_interval

WORKER = Path(__file__).parent / "worker.py"
THREADS = 2
BATCH_SIZE = 8
BLOCKS = 10
ROWS_A_BLOCK = (16, 64)
"""At least and at most; where one of the two is slow there are fewer."""
SECONDS_A_BLOCK = 5.0
SECONDS_A_WINDOW = 1.0
SPEED_ROWS = (64, 200)
SECONDS_OF_SPEED = 15.0
QUIET = {
    "OMP_NUM_THREADS": str(THREADS),
    # Threads that spin while they wait would be counted, and would take time from the other arm.
    "OMP_WAIT_POLICY": "PASSIVE",
    "HF_HUB_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
}


class Asked:
    """A peer that has loaded its form and answers, in a process of its own."""

    def __init__(self, python: Path, peer: Peer, target: Path, log: Path) -> None:
        self._log = log
        with log.open("a", encoding="utf-8") as errors:
            self._process = subprocess.Popen(
                [str(python), str(WORKER), peer.adapter, "serve", peer.option, str(target)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=os.environ | QUIET,
            )
        self.load_seconds: float = self._reply()["seconds"]

    @classmethod
    @contextmanager
    def running(cls, python: Path, peer: Peer, target: Path, log: Path) -> Iterator[Self]:
        """Stopped again at the end of the block."""
        asked = cls(python, peer, target, log)
        try:
            yield asked
        finally:
            asked._process.kill()
            asked._process.wait()

    def answer(self, batches: Sequence[Sequence[str]], seconds: float = 0.0) -> dict[str, Any]:
        """The worker's reply; see :mod:`benchmarks.peers.worker`."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"batches": batches, "seconds": seconds}) + "\n")
        self._process.stdin.flush()
        return self._reply()

    def _reply(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the process that answers ended")
        found: dict[str, Any] = json.loads(line)
        return found


def measured(
    arm: Asked,
    anchor: Asked,
    expected: NDArray[np.float64],
    rows: Sequence[dict[str, str]],
    labels: Sequence[str],
) -> dict[str, Any]:
    """Every figure of a row but what making it took.

    Args:
        expected: the anchor's :func:`outputs`.
    """
    texts = [row["text"] for row in rows]
    truth = np.array([labels.index(row["label"]) for row in rows])
    given = arm.answer(_batches(texts))
    seconds = given["wall_seconds"] / given["answers"]
    return {
        **_accuracy(np.array(given["outputs"]), expected, truth),
        **_costs(arm, anchor, texts, seconds),
        **_speed(arm, texts, _within(SPEED_ROWS, SECONDS_OF_SPEED / seconds)),
    }


def outputs(asked: Asked, texts: Sequence[str]) -> NDArray[np.float64]:
    """Logits or probabilities of shape (rows, classes)."""
    return np.array(asked.answer(_batches(texts))["outputs"])


def _within(bounds: tuple[int, int], count: float) -> int:
    least, most = bounds
    return max(least, min(most, int(count)))


def _accuracy(
    ours: NDArray[np.float64], theirs: NDArray[np.float64], truth: NDArray[np.int64]
) -> dict[str, Any]:
    """Against the anchor, row by row."""
    if not np.isfinite(ours).all():
        raise RuntimeError("answers NaN")
    first, second = theirs.argmax(axis=1), ours.argmax(axis=1)
    counts = paired_counts(truth, first, second)
    return {
        "n": counts.n,
        "accuracy": float((second == truth).mean()),
        "difference": (counts.candidate_only - counts.baseline_only) / counts.n,
        "difference_ci95": tango_interval(counts, 0.95),
        "agreement": float((first == second).mean()),
        "classes_answered": len(np.unique(second)),
    }


def _costs(arm: Asked, anchor: Asked, texts: Sequence[str], seconds: float) -> dict[str, Any]:
    """Processor time in batches of eight, block by block in turn, on rows drawn for each block.

    Args:
        seconds: wall time of one of the arm's answers.
    """
    warm = anchor.answer(_batches(texts[: ROWS_A_BLOCK[0]]))
    slower = max(seconds, warm["wall_seconds"] / warm["answers"])
    rows = _within(ROWS_A_BLOCK, SECONDS_A_BLOCK / slower)
    rng = random.Random(0)
    costs: dict[str, list[float]] = {"arm": [], "anchor": []}
    arms = {"arm": arm, "anchor": anchor}
    for number in range(BLOCKS):
        batches = _batches(rng.sample(list(texts), k=min(rows, len(texts))))
        order = ["arm", "anchor"] if number % 2 else ["anchor", "arm"]
        # Some runtimes compile for every new shape, once; the anchor's does not.
        arm.answer(batches)
        for name in order:
            reply = arms[name].answer(batches, SECONDS_A_WINDOW)
            costs[name].append(reply["cpu_seconds"] / reply["answers"] * 1000)
    ratio, ci95 = paired_ratio(costs["arm"], costs["anchor"])
    return {
        "cpu_seconds_per_1000": statistics.fmean(costs["arm"]),
        "cpu_seconds_per_1000_ci95": _interval(costs["arm"]),
        "anchor_cpu_seconds_per_1000": statistics.fmean(costs["anchor"]),
        "of_fp32": ratio,
        "of_fp32_ci95": ci95,
        "blocks": costs,
    }


def _speed(arm: Asked, texts: Sequence[str], count: int) -> dict[str, Any]:
    """Wall time, which other work on the machine disturbs more than processor time."""
    rows = random.Random(1).sample(list(texts), k=min(count, len(texts)))
    arm.answer([[text] for text in rows])
    single = sorted(arm.answer([[text] for text in rows])["latencies"])
    found: dict[str, Any] = {
        "p50_ms": statistics.median(single) * 1e3,
        "p95_ms": single[math.ceil(0.95 * len(single)) - 1] * 1e3,
    }
    for size in (8, 32):
        batches = _batches(rows, size)
        arm.answer(batches)
        reply = arm.answer(batches, 2.0)
        found[f"throughput_{size}"] = reply["answers"] / reply["wall_seconds"]
    return {**found, "peak_rss_bytes": reply["peak_rss_bytes"], "load_seconds": arm.load_seconds}


def _batches(texts: Sequence[str], size: int = BATCH_SIZE) -> list[list[str]]:
    return [list(texts[start : start + size]) for start in range(0, len(texts), size)]


def _interval(values: Sequence[float]) -> tuple[float, float]:
    """Student's, of the mean."""
    half = stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)
    mean = statistics.fmean(values)
    return mean - float(half), mean + float(half)
