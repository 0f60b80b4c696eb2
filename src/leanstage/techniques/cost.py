"""What an answer costs here: processor time, measured in turn on the machine at hand."""

import random
import statistics
import time
from collections.abc import Mapping, Sequence

from leanstage.variant import Predictor

ROUNDS = 7
SECONDS_PER_TURN = 0.3


def cpu_ms_per_answer(
    predictors: Mapping[str, Predictor],
    texts: Sequence[str],
    *,
    batch_size: int,
    seed: int = 0,
) -> dict[str, float]:
    """Median processor time per answer in milliseconds, by name, over interleaved turns.

    All threads of the process count. On a GPU this leaves out the device: there the energy
    measurement of the serving form decides, and this only orders candidates by host time.
    """
    rng = random.Random(seed)
    costs: dict[str, list[float]] = {name: [] for name in predictors}
    for predictor in predictors.values():
        for _ in range(3):
            predictor.predict(texts[:batch_size])
    names = list(predictors)
    for _ in range(ROUNDS):
        rows = rng.sample(range(len(texts)), k=min(batch_size, len(texts)))
        batch = [texts[row] for row in rows]
        for name in names:
            costs[name].append(_turn(predictors[name], batch))
        names.reverse()
    return {name: statistics.median(values) for name, values in costs.items()}


def _turn(predictor: Predictor, batch: Sequence[str]) -> float:
    answers = 0
    began, cpu = time.monotonic(), time.process_time()
    while time.monotonic() - began < SECONDS_PER_TURN:
        predictor.predict(batch)
        answers += len(batch)
    return (time.process_time() - cpu) / answers * 1e3
