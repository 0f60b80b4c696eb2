"""A model against itself, on a recorded trace: how often an interval errs that should hold 1.

The trace is 120 blocks of one model and its control on two cores that much else ran on, written by
``benchmarks/energy.py --trace``: joules per answer of both, block by block.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from leanstage.energy.ratios import paired_ratio

TRACE = Path(__file__).parent / "traces" / "aa.json"
TRIALS = 200
MOST_WRONG = 17
"""Of 200 intervals at 95%, more exclude the truth by chance once in eighty times."""


@pytest.fixture(scope="module")
def trace() -> NDArray[np.float64]:
    """Joules per answer, shape (blocks, 2): the model and its control."""
    found = json.loads(TRACE.read_text(encoding="utf-8"))["joules_per_answer"]
    return np.array(found)


def wrong(trace: NDArray[np.float64], *, blocks: int, seed: int) -> int:
    """Trials whose interval excludes 1, each of other blocks of the trace."""
    generator = np.random.default_rng(seed)
    found = 0
    for _ in range(TRIALS):
        own, control = trace[generator.choice(len(trace), blocks, replace=False)].T.tolist()
        low, high = paired_ratio(control, own)[1]
        found += not low <= 1 <= high
    return found


@pytest.mark.parametrize("blocks", [6, 10, 20])
def test_a_model_differs_from_itself_in_few_of_200_trials(
    trace: NDArray[np.float64], blocks: int
) -> None:
    assert wrong(trace, blocks=blocks, seed=0) <= MOST_WRONG


def test_blocks_in_a_row_err_no_more_often(trace: NDArray[np.float64]) -> None:
    """What follows each other is alike: a slow minute falls on whole stretches."""
    stretches = [trace[at : at + 10].T.tolist() for at in range(0, len(trace), 10)]
    excluded = 0
    for own, control in stretches:
        low, high = paired_ratio(control, own)[1]
        excluded += not low <= 1 <= high
    assert excluded <= 3


def test_a_difference_is_found_in_the_same_trace(trace: NDArray[np.float64]) -> None:
    """Intervals are not so wide as to hold anything: a model of a fifth of the work is told."""
    assert wrong(trace * [1.0, 0.2], blocks=10, seed=0) > 0.9 * TRIALS
