"""Comparisons: when they hold, and how they read."""

from typing import Any

import pytest

from leanstage.contracts import Conditions
from leanstage.errors import InputError
from leanstage.plan import load_tree
from leanstage.plan.predicates import check_facts, holds, in_words
from tests.plan.cases import FACTS

HOLDS: list[tuple[Conditions, dict[str, Any], bool]] = [
    ({}, {}, True),
    ({"layers": {"lt": 6}}, {"layers": 6}, False),
    ({"layers": {"le": 6}}, {"layers": 6}, True),
    ({"layers": {"gt": 6}}, {"layers": 6}, False),
    ({"layers": {"ge": 6}}, {"layers": 6}, True),
    ({"layers": {"eq": 6}}, {"layers": 6}, True),
    ({"layers": {"ne": 6}}, {"layers": 6}, False),
    ({"layers": {"ge": 3, "lt": 12}}, {"layers": 12}, False),
    ({"layers": {"ge": 3}, "heads": {"lt": 4}}, {"layers": 3, "heads": 3}, True),
    ({"layers": {"ge": 3}, "heads": {"lt": 4}}, {"layers": 3, "heads": 4}, False),
    ({"serving": {"in": ("torch", "vllm")}}, {"serving": "vllm"}, True),
    ({"serving": {"in": ("torch", "vllm")}}, {"serving": "any"}, False),
    ({"features": {"has": "avx2"}}, {"features": ("avx2",)}, True),
    ({"features": {"lacks": "avx2"}}, {"features": ("avx2",)}, False),
    ({"features": {"any_of": ("avx2", "amx_int8")}}, {"features": ("amx_int8",)}, True),
    ({"features": {"any_of": ("avx2", "amx_int8")}}, {"features": ()}, False),
    ({"features": {"all_of": ("avx2", "amx_int8")}}, {"features": ("amx_int8",)}, False),
    ({"features": {"all_of": ("avx2",)}}, {"features": ("amx_int8", "avx2")}, True),
    ({"request_rate": {"known": True}}, {"request_rate": None}, False),
    ({"request_rate": {"known": False}}, {"request_rate": None}, True),
    ({"request_rate": {"known": True}}, {"request_rate": 0.0}, True),
    ({"request_rate": {"lt": 5}}, {"request_rate": None}, False),
    ({"request_rate": {"ge": 5}}, {"request_rate": None}, False),
]


@pytest.mark.parametrize(("conditions", "facts", "expected"), HOLDS)
def test_a_condition_holds_or_not(
    conditions: Conditions, facts: dict[str, Any], expected: bool
) -> None:
    assert holds(conditions, facts) is expected


@pytest.mark.parametrize(
    ("conditions", "words"),
    [
        ({}, "otherwise"),
        (
            {"layers": {"ge": 12}, "tolerance": {"lt": 0.02}},
            "layers at least 12 and tolerance under 0.02",
        ),
        ({"serving": {"in": ("a", "b", "c")}}, "serving is a, b or c"),
        ({"learning_rows": {"lt": 10_000}}, "learning rows under 10,000"),
        ({"features": {"any_of": ("avx2",)}}, "features include avx2"),
        ({"features": {"all_of": ("a", "b", "c")}}, "features include a, b and c"),
        ({"gpu_compute": {"known": False}}, "gpu compute unknown"),
    ],
)
def test_a_condition_reads_as_a_sentence(conditions: Conditions, words: str) -> None:
    assert in_words(conditions) == words


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown fact": (FACTS | {"layer": 3}, r"'layer' is no fact .* did you mean 'layers'\?"),
    "a missing fact": (
        {name: value for name, value in FACTS.items() if name != "layers"},
        "needs the fact 'layers'",
    ),
    "unknown what is always known": (FACTS | {"layers": None}, "'layers' is a number"),
    "out of its domain": (FACTS | {"tolerance": 1.5}, "'tolerance' is never 1.5"),
    "no number": (FACTS | {"request_rate": float("nan")}, "'request_rate' is never nan"),
    "another word": (FACTS | {"features": ("avx9",)}, "'features' is never 'avx9'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_facts_outside_of_what_is_declared_are_refused(case: str) -> None:
    facts, sentence = REFUSED[case]
    with pytest.raises(InputError, match=sentence):
        check_facts(facts, load_tree().facts)
