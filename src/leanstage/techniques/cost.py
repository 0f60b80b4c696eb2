"""What an answer costs here: time, measured in turn on the machine at hand."""

import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence

from leanstage.variant import Predictor
from leanstage.variant.hardware import device_type

ROUNDS = 7
SECONDS_PER_TURN = 0.3


def clock() -> Callable[[], float]:
    """Processor time of all threads; wall time where a GPU answers, which its processor feeds."""
    return time.perf_counter if device_type() == "cuda" else time.process_time


def ms_per_answer(
    predictors: Mapping[str, Predictor],
    texts: Sequence[str],
    *,
    batch_size: int,
    seed: int = 0,
) -> dict[str, float]:
    """Median time per answer in milliseconds, by name, over interleaved turns.

    By :func:`clock`.
    """
    costs = costs_by_turn(predictors, texts, batch_size=batch_size, clock=clock(), seed=seed)
    return {name: statistics.median(turns) * 1e3 for name, turns in costs.items()}


def costs_by_turn(
    predictors: Mapping[str, Predictor],
    texts: Sequence[str],
    *,
    batch_size: int,
    rounds: int = ROUNDS,
    seconds_per_turn: float = SECONDS_PER_TURN,
    clock: Callable[[], float] = time.process_time,
    progress: Callable[[int], None] | None = None,
    seed: int = 0,
) -> dict[str, list[float]]:
    """Seconds of ``clock`` per answer in every turn, by name; the turns of a round are paired.

    Every round, each predictor has one turn on the same batch of texts; the order turns around.

    Args:
        clock: by default the processor time of all threads.
        progress: told the number of each round, from 0, before it.
    """
    rng = random.Random(seed)
    costs: dict[str, list[float]] = {name: [] for name in predictors}
    for predictor in predictors.values():
        for _ in range(3):
            predictor.predict(texts[:batch_size])
    names = list(predictors)
    for number in range(rounds):
        if progress is not None:
            progress(number)
        rows = rng.sample(range(len(texts)), k=min(batch_size, len(texts)))
        batch = [texts[row] for row in rows]
        for name in names:
            costs[name].append(_turn(predictors[name], batch, seconds_per_turn, clock))
        names.reverse()
    return costs


def _turn(
    predictor: Predictor, batch: Sequence[str], seconds: float, clock: Callable[[], float]
) -> float:
    # Some runtimes compile for every new shape, once: OpenVINO takes longer for that than for the
    # answer.
    predictor.predict(batch)
    answers = 0
    began, cost = time.monotonic(), clock()
    while time.monotonic() - began < seconds:
        predictor.predict(batch)
        answers += len(batch)
    return (clock() - cost) / answers
