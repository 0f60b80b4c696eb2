"""Bisection down a ladder of settings: few tries, the right one, and never one that did not fit."""

import math
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leanstage.contracts import Technique, ValidationFigures
from leanstage.techniques.search import Budget, limit_of, most_saving


def search(fitting: list[bool]) -> tuple[int | None, list[int]]:
    """What is found on a ladder of which these fit, and what was tried for it, in order."""
    tries: list[int] = []

    def fits(step: int) -> bool:
        tries.append(step)
        return fitting[step]

    return most_saving(range(len(fitting)), fits), tries


@given(st.integers(0, 300), st.data())
def test_the_first_that_fits_is_found_wherever_it_stands(n: int, data: st.DataObject) -> None:
    first = data.draw(st.integers(0, n))
    found, _ = search([step >= first for step in range(n)])
    assert found == (first if first < n else None)


@given(st.lists(st.booleans(), max_size=300))
def test_no_ladder_costs_more_than_its_logarithm_and_nothing_is_tried_twice(
    fitting: list[bool],
) -> None:
    _, tries = search(fitting)
    assert len(tries) <= math.ceil(math.log2(len(fitting) + 1))
    assert len(set(tries)) == len(tries)


@given(st.lists(st.booleans(), max_size=300))
def test_where_noise_breaks_the_order_it_is_the_best_of_what_was_tried(
    fitting: list[bool],
) -> None:
    found, tries = search(fitting)
    assert found == min((step for step in tries if fitting[step]), default=None)


@given(st.lists(st.booleans(), max_size=300))
def test_of_those_that_fit_a_later_one_saves_more(fitting: list[bool]) -> None:
    """So that a search may throw the model before away and keep one on disk."""
    _, tries = search(fitting)
    fits = [step for step in tries if fitting[step]]
    assert fits == sorted(fits, reverse=True)


@pytest.mark.parametrize(
    ("fitting", "tried"),
    [
        ([], []),
        ([True], [0]),
        ([True, True], [0]),
        ([False, True], [0, 1]),
        ([False] * 3, [1, 2]),
        ([True] * 4, [1, 0]),
        ([False] * 5, [1, 3, 4]),
        ([True] * 5, [1, 0]),
    ],
)
def test_short_ladders(fitting: list[bool], tried: list[int]) -> None:
    assert search(fitting)[1] == tried


figures = st.builds(
    lambda drop, se: ValidationFigures(
        n=100,
        accuracy=0.8,
        reference_accuracy=0.8,
        accuracy_drop=0.0,
        probability_drop=drop,
        probability_drop_se=se,
    ),
    st.floats(-1, 1),
    st.floats(0, 1),
)


@given(figures, st.floats(0, 1), st.sampled_from(get_args(Technique)))
def test_no_technique_may_lose_more_than_the_tolerance(
    measured: ValidationFigures, tolerance: float, technique: Technique
) -> None:
    fits, reason = Budget(limit_of(technique, tolerance)).judge(measured, "label")
    assert not fits or measured.probability_drop <= tolerance
    assert fits == ("within" in reason)


@given(st.floats(0, 1))
def test_a_later_technique_may_lose_what_an_earlier_one_left(tolerance: float) -> None:
    limits = [limit_of(technique, tolerance) for technique in get_args(Technique)]
    assert limits == [tolerance / 2, tolerance, tolerance]
