"""The predicate language of the tree: facts compared with constants, checked by type."""

import difflib
import operator
import reprlib
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from leanstage.contracts import Choice, Comparison, Conditions, Fact, Quantity, Words
from leanstage.errors import InputError

Facts = Mapping[str, Any]
"""Values by name: a number or None, a word, or a tuple of words."""

_HOLDS: dict[Comparison, Callable[[Any, Any], bool]] = {
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
    "eq": operator.eq,
    "ne": operator.ne,
    "in": lambda fact, values: fact in values,
    "has": lambda fact, value: value in fact,
    "lacks": lambda fact, value: value not in fact,
    "any_of": lambda fact, values: not set(values).isdisjoint(fact),
    "all_of": lambda fact, values: set(values) <= set(fact),
}
_WORDS: dict[Comparison, str] = {
    "lt": "under",
    "le": "at most",
    "gt": "over",
    "ge": "at least",
    "eq": "is",
    "ne": "is not",
    "in": "is",
    "has": "include",
    "lacks": "lack",
    "any_of": "include",
    "all_of": "include",
}
_COMPARISONS: dict[str, tuple[Comparison, ...]] = {
    "integer": ("lt", "le", "gt", "ge", "eq", "ne", "known"),
    "number": ("lt", "le", "gt", "ge", "known"),
    "choice": ("eq", "ne", "in"),
    "set": ("has", "lacks", "any_of", "all_of"),
}
"""By type of the fact; a number is never compared for equality."""
_SEVERAL: tuple[Comparison, ...] = ("in", "any_of", "all_of")


def holds(conditions: Conditions, facts: Facts) -> bool:
    """Whether every comparison holds; of a fact that is unknown, only ``known: false`` does."""
    return all(
        _one_holds(facts[name], comparison, operand)
        for name, comparisons in conditions.items()
        for comparison, operand in comparisons.items()
    )


def in_words(conditions: Conditions) -> str:
    """The conditions as people read them: ``layers at least 12 and tolerance under 0.02``."""
    parts = [
        _one_in_words(name.replace("_", " "), comparison, operand)
        for name, comparisons in conditions.items()
        for comparison, operand in comparisons.items()
    ]
    return " and ".join(parts) or "otherwise"


def check_conditions(conditions: Conditions, declared: Mapping[str, Fact], *, where: str) -> None:
    """Hold a predicate against the facts that are declared.

    Raises:
        InputError: an unknown fact, a comparison that its type does not have, or a constant of
            another type or out of the fact's domain.
    """
    for name, comparisons in conditions.items():
        if name not in declared:
            raise InputError(
                f"{where} asks about {name!r}, which is no fact; {near(name, declared)}"
            )
        fact = declared[name]
        if not comparisons:
            raise InputError(f"{where} compares {name!r} with nothing.")
        for comparison, operand in comparisons.items():
            problem = _problem(name, fact, comparison, operand)
            if problem is not None:
                raise InputError(f"{where}: {problem}")


def check_facts(facts: Facts, declared: Mapping[str, Fact]) -> None:
    """Hold what is known against what is declared.

    Raises:
        InputError: a fact is missing, not declared, or outside of its domain.
    """
    for name in declared:
        if name not in facts:
            raise InputError(f"the decision tree needs the fact {name!r}, which is not known.")
    for name, value in facts.items():
        if name not in declared:
            raise InputError(f"{name!r} is no fact of the decision tree; {near(name, declared)}")
        fact = declared[name]
        if value is None and isinstance(fact, Quantity) and fact.optional:
            continue
        problem = (
            next((found for word in value if (found := _no_value(name, fact, word))), None)
            if isinstance(fact, Words)
            else _no_value(name, fact, value)
        )
        if problem is not None:
            raise InputError(f"the decision tree cannot be walked: {problem}")


def near(name: str, known: Iterable[str]) -> str:
    """The nearest of the names that are known, or all of them, as the end of a sentence."""
    found = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean {found[0]!r}?" if found else f"known: {', '.join(known)}."


def _one_holds(fact: Any, comparison: Comparison, operand: Any) -> bool:
    if comparison == "known":
        return operand is (fact is not None)
    return fact is not None and _HOLDS[comparison](fact, operand)


def _one_in_words(name: str, comparison: Comparison, operand: Any) -> str:
    if comparison == "known":
        return f"{name} known" if operand else f"{name} unknown"
    if isinstance(operand, tuple):
        *others, last = operand
        last_of = "and" if comparison == "all_of" else "or"
        value = f"{', '.join(others)} {last_of} {last}" if others else last
    else:
        value = operand if isinstance(operand, str) else f"{operand:,}"
    return f"{name} {_WORDS[comparison]} {value}"


def _problem(name: str, fact: Fact, comparison: Comparison, operand: Any) -> str | None:
    allowed = _COMPARISONS[fact.type]
    if comparison not in allowed:
        return (
            f"{name!r} is of type {fact.type}, which {comparison!r} does not compare; use one of "
            f"{', '.join(allowed)}."
        )
    if comparison == "known":
        if not isinstance(operand, bool):
            return f"'known' takes true or false, not {operand!r}."
        if not (isinstance(fact, Quantity) and fact.optional):
            return f"{name!r} is always known."
        return None
    if comparison in _SEVERAL:
        if not isinstance(operand, tuple) or not operand:
            return f"{comparison!r} takes a list of words, not {operand!r}."
        return next((found for word in operand if (found := _no_value(name, fact, word))), None)
    return _no_value(name, fact, operand)


def _no_value(name: str, fact: Fact, value: Any) -> str | None:
    """Why ``value`` is none that the fact, or a word of it, can have."""
    if isinstance(fact, Choice | Words):
        if value in fact.values:
            return None
        return f"{name!r} is never {value!r}; {near(str(value), fact.values)}"
    kinds = int if fact.type == "integer" else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds):
        return f"{name!r} is a number of type {fact.type}, and {value!r} is none."
    if not fact.min <= value <= (sys.float_info.max if fact.max is None else fact.max):
        upper = "up" if fact.max is None else f"to {fact.max:g}"
        return f"{name!r} is never {reprlib.repr(value)}; it goes from {fact.min:g} {upper}."
    return None
