"""Facts of every kind: the ones to start from, their borders, and any combination of them."""

import itertools
from collections.abc import Iterator
from typing import Any, get_args

from hypothesis import strategies as st

from leanstage.contracts import (
    Choice,
    DecisionTree,
    Fact,
    Form,
    Gain,
    Quantity,
    TechniqueTree,
    Words,
)
from leanstage.contracts.tree import Operand
from leanstage.plan.measured import Gains

FACTS: dict[str, Any] = {
    "task": "text-classification",
    "architecture": "bert",
    "parameters": 22_000_000,
    "labels": 2,
    "layers": 6,
    "hidden_size": 384,
    "heads": 12,
    "key_value_heads": 12,
    "intermediate_size": 1536,
    "train_rows": 6000,
    "unlabelled_rows": 6000,
    "learning_rows": 12_000,
    "tolerance": 0.01,
    "serving": "any",
    "batch_size": 8,
    "request_rate": None,
    "answers_per_row": None,
    "threads": 2,
    "features": ("avx2", "avx512_vnni", "avx512_bf16"),
    "accelerators": 0,
    "gpu_compute": None,
    "tried_forms": (),
    "gaining_forms": (),
    "gainless_forms": (),
}
"""MiniLM-L6 on two threads, not calibrated."""
FORMS: tuple[Form, ...] = get_args(Form)


def gain(
    form: Form,
    low: float,
    high: float | None = None,
    *,
    shape: str = "6x384",
    batch_size: int = 8,
) -> Gain:
    """One measurement whose interval goes from ``low`` to ``high``."""
    high = low if high is None else high
    ratio = (low + high) / 2
    return Gain(form=form, shape=shape, batch_size=batch_size, ratio=ratio, ci95=(low, high))


def any_facts(tree: DecisionTree) -> st.SearchStrategy[dict[str, Any]]:
    """Every combination of facts that the tree declares, near the constants it asks about."""
    return st.fixed_dictionaries(
        {name: _any_value(fact, _asked(tree, name)) for name, fact in tree.facts.items()}
    )


def any_gains() -> st.SearchStrategy[Gains]:
    """Calibrations: of any forms, measured or failed."""
    measured = st.builds(
        lambda form, low, width: gain(form, low, low + width),
        st.sampled_from(FORMS),
        st.floats(0.05, 4.0),
        st.floats(0.0, 0.5),
    )
    failed = st.builds(
        lambda form: Gain(form=form, shape="6x384", batch_size=8, error="no such kernel"),
        st.sampled_from(FORMS),
    )
    return st.lists(measured | failed, max_size=len(FORMS), unique_by=lambda each: each.form).map(
        lambda gains: {each.form: each for each in gains}
    )


def borders(tree: DecisionTree, part: TechniqueTree) -> Iterator[dict[str, Any]]:
    """Facts on both sides of every constant that a technique asks about, as they can really be."""
    names = {n for q in part.questions for branch in q.branches for n in branch.when}
    values = {name: _borders(tree.facts[name], _asked(tree, name)) for name in sorted(names)}
    for row in itertools.product(*values.values()):
        facts = FACTS | dict(zip(values, row, strict=True))
        gaining, gainless = set(facts["gaining_forms"]), set(facts["gainless_forms"])
        # Nothing gains and does not, and what does either was measured.
        if not gaining & gainless:
            yield facts | {"tried_forms": (*facts["tried_forms"], *gaining, *gainless)}


def _asked(tree: DecisionTree, name: str) -> list[Operand]:
    """Every constant that a fact is compared with."""
    return [
        operand
        for part in tree.techniques
        for question in part.questions
        for branch in question.branches
        for operand in branch.when.get(name, {}).values()
    ]


def _borders(fact: Fact, asked: list[Operand]) -> list[Any]:
    if isinstance(fact, Quantity):
        step = 1 if fact.type == "integer" else 0.001
        near = {value + d for value in asked for d in (-step, 0)}  # type: ignore[operator]
        found = [value for value in sorted(near) if value >= fact.min]
        return [*found, None] if fact.optional else found
    if isinstance(fact, Choice):
        return list(fact.values)
    words = sorted({word for value in asked for word in _words(value)})
    return [c for n in range(len(words) + 1) for c in itertools.combinations(words, n)]


def _words(operand: Operand) -> tuple[str, ...]:
    return operand if isinstance(operand, tuple) else (str(operand),)


def _any_value(fact: Fact, asked: list[Operand]) -> st.SearchStrategy[Any]:
    if isinstance(fact, Words):
        return st.lists(st.sampled_from(fact.values), unique=True).map(tuple)
    if isinstance(fact, Choice):
        return st.sampled_from(fact.values)
    if fact.type == "integer":
        upper = None if fact.max is None else int(fact.max)
        values: st.SearchStrategy[Any] = st.integers(int(fact.min), upper)
    else:
        values = st.floats(fact.min, fact.max, allow_nan=False, allow_infinity=False)
    if near := _borders(fact, asked):
        values |= st.sampled_from(near)
    return values | st.none() if fact.optional else values
