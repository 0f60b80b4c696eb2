"""A slice blocks only where harm is shown; what is neither shown nor excluded is said to be so."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leanstage.contracts import Judgement, ModelPolicy, PairedCounts, SliceCounts
from leanstage.gate import decide, judge
from leanstage.gate.slices import judge_slices, slice_problems
from leanstage.variant.statistics import tango_upper_drop

BY_CHANNEL = ModelPolicy(slices=("label", "channel"), tolerance=0.05, margin=0.1)


def look(genuine: Any, policy: ModelPolicy = BY_CHANNEL, **figures: int) -> Judgement:
    candidate = genuine.candidate(evaluation=genuine.evaluation(**figures))
    return judge(genuine.evidence(candidate), policy)[0].judgement


def part(lost: int, gained: int, n: int, value: str = "a", column: str = "label") -> SliceCounts:
    counts = PairedCounts(
        both_right=n - lost - gained, baseline_only=lost, candidate_only=gained, both_wrong=0
    )
    return SliceCounts(column=column, value=value, counts=counts)


def parts(tables: Sequence[tuple[int, int, int]]) -> list[SliceCounts]:
    return [part(*table, value=f"{number:03}") for number, table in enumerate(tables)]


def test_a_harmed_slice_blocks_and_is_named(genuine: Any) -> None:
    judgement = look(genuine, lost=4, gained=4, lost_in_chat=30)
    assert [reason.code for reason in judgement.reasons] == ["slice.harm"]
    sentence = judgement.reasons[0].sentence
    assert "more than 5 points" in sentence
    assert "channel chat loses 14.5 points on 200 rows" in sentence
    first = judgement.slices[0]
    assert (first.column, first.value, first.state) == ("channel", "chat", "harmed")
    assert first.p_adjusted < 0.05
    assert len(judgement.slices) == 5


def test_columns_that_the_policy_does_not_name_are_not_judged(genuine: Any) -> None:
    for slices in (("label",), ()):
        policy = BY_CHANNEL.model_copy(update={"slices": slices})
        judgement = look(genuine, policy, lost=4, gained=4, lost_in_chat=30)
        assert judgement.passed
        assert {one.column for one in judgement.slices} == set(slices)


def test_few_rows_are_underpowered_and_never_block(genuine: Any) -> None:
    judgement = look(genuine, lost=1, gained=1, n=400, lost_in_chat=3)
    assert judgement.passed
    states = {one.value: one.state for one in judgement.slices}
    assert states["chat"] == "underpowered"
    assert states["mail"] == "kept"


def test_the_bound_divides_the_error_over_all_slices() -> None:
    for judged in judge_slices(parts([(3, 2, 200), (10, 2, 900), (0, 0, 90)]), ModelPolicy()):
        counts = {"000": (3, 2, 200), "001": (10, 2, 900), "002": (0, 0, 90)}[judged.value]
        expected = tango_upper_drop(part(*counts).counts, 1 - 0.05 / 3)
        assert judged.drop_bound == pytest.approx(expected)
        assert (judged.state == "kept") is (expected <= 0.05)


def test_the_error_level_is_not_divided_over_candidates(genuine: Any) -> None:
    figures = {"lost": 4, "gained": 4, "lost_in_chat": 30}
    both = [
        genuine.candidate(role, evaluation=genuine.evaluation(role, **figures))
        for role in ("optimized", "fallback")
    ]
    alone = look(genuine, **figures)
    for judged in judge(genuine.evidence(*both), BY_CHANNEL):
        assert judged.judgement.slices == alone.slices


def test_harmed_come_first_and_then_the_largest_drop() -> None:
    judged = judge_slices(
        parts([(1, 0, 100), (40, 0, 100), (2, 0, 5), (30, 0, 100), (0, 4, 50)]), ModelPolicy()
    )
    assert [one.value for one in judged] == ["001", "003", "002", "000", "004"]
    assert [one.state for one in judged][:2] == ["harmed", "harmed"]
    assert [one.drop for one in judged][2:] == pytest.approx([0.4, 0.01, -0.08])


def test_at_most_three_are_named() -> None:
    judged = judge_slices(parts([(40, 0, 100)] * 5), ModelPolicy())
    (reason,) = slice_problems("optimized", judged, ModelPolicy())
    assert reason.sentence.endswith("and 2 more.")
    assert reason.sentence.count("loses") == 3


def test_slices_without_rows_are_none() -> None:
    assert judge_slices([part(0, 0, 0)], ModelPolicy()) == ()
    alone = judge_slices([part(9, 1, 60)], ModelPolicy())
    assert judge_slices([part(9, 1, 60), part(0, 0, 0, "b")], ModelPolicy()) == alone


def test_many_sound_slices_do_not_hide_a_harmed_one() -> None:
    tables = [(60, 0, 200), *[(2, 2, 100)] * 999]
    judged = judge_slices(parts(tables), ModelPolicy())
    assert [one.value for one in judged if one.state == "harmed"] == ["000"]


def test_a_harmed_slice_can_be_justified(genuine: Any) -> None:
    evaluation = genuine.evaluation(lost=4, gained=4, lost_in_chat=30)
    evidence = genuine.evidence(genuine.candidate(evaluation=evaluation))
    assert decide(evidence, BY_CHANNEL).verdict == "BLOCKED"
    decision = decide(evidence, BY_CHANNEL, [genuine.justified(evidence, BY_CHANNEL)])
    assert decision.verdict == "PROMOTE_BASELINE"


TABLES = st.lists(
    st.integers(1, 120).flatmap(
        lambda n: st.tuples(st.integers(0, n), st.integers(0, n), st.just(n)).filter(
            lambda table: table[0] + table[1] <= table[2]
        )
    ),
    min_size=1,
    max_size=6,
)


@settings.get_profile("gate-tenth")
@given(tables=TABLES, data=st.data())
def test_more_loss_in_a_slice_never_makes_any_slice_less_harmed(
    tables: list[tuple[int, int, int]], data: st.DataObject
) -> None:
    policy = ModelPolicy(slice_tolerance=data.draw(st.sampled_from([0.0, 0.02, 0.05, 0.3])))
    worse = list(tables)
    position = data.draw(st.integers(0, len(tables) - 1))
    lost, gained, n = tables[position]
    if gained and data.draw(st.booleans()):
        worse[position] = (lost, gained - 1, n)
    elif lost + gained < n:
        worse[position] = (lost + data.draw(st.integers(1, n - lost - gained)), gained, n)
    before = {one.value: one for one in judge_slices(parts(tables), policy)}
    for one in judge_slices(parts(worse), policy):
        assert one.p_adjusted <= before[one.value].p_adjusted + 1e-12
        assert one.state == "harmed" or before[one.value].state != "harmed"
