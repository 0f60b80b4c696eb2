from collections import Counter

import pytest

from leanstage.energy.schedule import LEAST_INFERENCES, least_answers, plan_blocks

ARMS = ("baseline", "candidate", "control")


def test_pairs_of_blocks_mirror_each_other() -> None:
    plan = plan_blocks(ARMS, 500, batch_size=8, blocks=6, seed=1)
    for first, second in zip(plan[::2], plan[1::2], strict=True):
        assert sorted(first.order) == sorted(ARMS)
        assert second.order == first.order[::-1]


@pytest.mark.parametrize(("batch_size", "rows"), [(1, 20), (8, 24), (20, 20), (64, 64)])
def test_a_block_is_whole_batches_and_enough_answers(batch_size: int, rows: int) -> None:
    plan = plan_blocks(ARMS, 1000, batch_size=batch_size, blocks=3, seed=0)
    assert {len(block.rows) for block in plan} == {rows}
    assert rows >= LEAST_INFERENCES


@pytest.mark.parametrize(("batch_size", "rows"), [(1, 8), (3, 9), (8, 8), (16, 16)])
def test_an_answer_of_many_tokens_is_as_many_passes(batch_size: int, rows: int) -> None:
    plan = plan_blocks(ARMS, 1000, batch_size=batch_size, blocks=3, seed=0, tokens_per_answer=32)
    assert {len(block.rows) for block in plan} == {rows}
    assert least_answers(32) == 1
    assert least_answers(1) == least_answers(None) == LEAST_INFERENCES


def test_texts_come_evenly() -> None:
    plan = plan_blocks(ARMS, 7, batch_size=4, blocks=5, seed=0)
    counts = Counter(row for block in plan for row in block.rows)
    assert set(counts) == set(range(7))
    assert max(counts.values()) - min(counts.values()) <= 1


def test_the_seed_fixes_the_plan() -> None:
    def plan(seed: int) -> object:
        return plan_blocks(ARMS, 100, batch_size=8, blocks=4, seed=seed)

    assert plan(3) == plan(3)
    assert plan(3) != plan(4)
