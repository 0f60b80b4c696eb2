"""Who is measured when, and on which rows: fixed by the seed before anything runs."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

LEAST_INFERENCES = 20
"""Fewest passes through the model in a window."""
LEAST_ROWS = 8
"""Fewest rows in a block, so that a batch of each load that is always shown is among them."""
REQUESTS_AT_RATE = 5
"""Fewest requests in a window at a rate: of fewer, hardly one has to wait for another."""
LONGEST_AT_RATE_SECONDS = 30.0
"""A rate at which fewer requests or answers come in so long is not measured."""


class Block(NamedTuple):
    """One window per arm."""

    order: tuple[str, ...]
    rows: tuple[int, ...]
    """Positions of the texts, the same for every arm of the block."""


def least_answers(tokens_per_answer: int | None) -> int:
    """Fewest answers in a window: a model that writes passes once for every token."""
    return math.ceil(LEAST_INFERENCES / (tokens_per_answer or 1))


def seconds_at_rate(request_rate: float, batch_size: int) -> float:
    """Shortest window at a rate in answers per second, ``batch_size`` of them a request."""
    return max(LEAST_INFERENCES, REQUESTS_AT_RATE * batch_size) / request_rate


def plan_blocks(
    arms: Sequence[str],
    texts: int,
    *,
    batch_size: int,
    blocks: int,
    seed: int,
    tokens_per_answer: int | None = None,
) -> tuple[Block, ...]:
    """Interleave the arms in randomised pairs of blocks, ABBA or BAAB.

    The first block of a pair takes the arms in a random order and the second in the reverse, so
    that a linear drift over the pair falls on all alike. The rows of a block are whole batches,
    enough for a window; they run through random permutations of the texts, so that no text comes
    twice before each came once.

    Args:
        arms: names of the arms.
        texts: how many texts there are.
        batch_size: rows per batch.
        blocks: how many blocks.
        seed: the same seed gives the same plan.
        tokens_per_answer: where models write.
    """
    generator = np.random.default_rng(seed)
    rows = max(least_answers(tokens_per_answer), LEAST_ROWS)
    per_block = math.ceil(rows / batch_size) * batch_size
    permutations = math.ceil(per_block * blocks / texts)
    stream = np.concatenate([generator.permutation(texts) for _ in range(permutations)]).tolist()
    planned: list[Block] = []
    order: tuple[str, ...] = ()
    for i in range(blocks):
        if i % 2 == 0:
            order = tuple(arms[j] for j in generator.permutation(len(arms)))
        else:
            order = order[::-1]
        planned.append(Block(order, tuple(stream[i * per_block : (i + 1) * per_block])))
    return tuple(planned)
