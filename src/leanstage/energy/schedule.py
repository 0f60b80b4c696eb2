"""Who is measured when, and on which rows: fixed by the seed before anything runs."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

LEAST_ANSWERS = 20
"""Fewest answers in a window."""
LONGEST_AT_RATE_SECONDS = 30.0
"""A rate at which fewer than these answers come in so long is not measured."""


class Block(NamedTuple):
    """One window per arm."""

    order: tuple[str, ...]
    rows: tuple[int, ...]
    """Positions of the texts, the same for every arm of the block."""


def seconds_at_rate(request_rate: float) -> float:
    """Shortest window at a rate in answers per second."""
    return LEAST_ANSWERS / request_rate


def plan_blocks(
    arms: Sequence[str], texts: int, *, batch_size: int, blocks: int, seed: int
) -> tuple[Block, ...]:
    """Interleave the arms in randomised pairs of blocks, ABBA or BAAB.

    The first block of a pair takes the arms in a random order and the second in the reverse, so
    that a linear drift over the pair falls on all alike. The rows of a block are whole batches, at
    least 20 rows; they run through random permutations of the texts, so that no text comes twice
    before each came once.

    Args:
        arms: names of the arms.
        texts: how many texts there are.
        batch_size: rows per batch.
        blocks: how many blocks.
        seed: the same seed gives the same plan.
    """
    generator = np.random.default_rng(seed)
    per_block = math.ceil(LEAST_ANSWERS / batch_size) * batch_size
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
