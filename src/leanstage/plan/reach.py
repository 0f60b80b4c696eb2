"""Branches that no facts take: they contradict themselves, or earlier ones hold before them."""

import itertools
import math
from collections.abc import Iterator, Mapping
from typing import Any

from leanstage.contracts import DecisionTree, Fact, Quantity, Question, Words
from leanstage.plan.predicates import holds

MOST = 200_000
"""Combinations of values that are tried for a question; one with more is not looked at."""


def never_taken(tree: DecisionTree) -> tuple[str, ...]:
    """Ids of the branches that no facts take at their question, whatever was asked before.

    A condition compares facts with constants, so trying the values around every constant of a
    question tries everything that it tells apart.
    """
    return tuple(
        branch
        for part in tree.techniques
        for question in part.questions
        for branch in _idle(question, tree.facts)
    )


def _idle(question: Question, facts: Mapping[str, Fact]) -> list[str]:
    asked: dict[str, list[Any]] = {}
    for branch in question.branches:
        for name, comparisons in branch.when.items():
            asked.setdefault(name, []).extend(comparisons.values())
    values = {name: list(_values(facts[name], constants)) for name, constants in asked.items()}
    idle = [branch.id for branch in question.branches]
    if math.prod(map(len, values.values())) > MOST:
        return []
    for row in itertools.product(*values.values()):
        told = dict(zip(values, row, strict=True))
        taken = next(branch.id for branch in question.branches if holds(branch.when, told))
        if taken in idle:
            idle.remove(taken)
    return idle


def _values(fact: Fact, constants: list[Any]) -> Iterator[Any]:
    """Values of a fact of every kind that comparisons with the constants can tell apart."""
    if isinstance(fact, Quantity):
        near, most = {fact.min}, math.inf if fact.max is None else fact.max
        for value in constants:
            if not isinstance(value, bool):  # of ``known``
                near |= {_beside(fact, value, -1), value, _beside(fact, value, 1)}
        yield from (each for each in near if fact.min <= each <= most)
        if fact.optional:
            yield None
    elif isinstance(fact, Words):
        words = sorted({word for each in constants for word in _words(each)})
        for count in range(len(words) + 1):
            yield from itertools.combinations(words, count)
    else:
        yield from fact.values


def _beside(fact: Quantity, value: float, step: int) -> float:
    return value + step if fact.type == "integer" else math.nextafter(value, step * math.inf)


def _words(constant: Any) -> tuple[str, ...]:
    return constant if isinstance(constant, tuple) else (constant,)
