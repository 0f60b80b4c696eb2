"""Every combination of facts ends in one leaf a technique, and every leaf is ended in."""

from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leanstage.contracts import (
    TECHNIQUES,
    DecisionTree,
    Form,
    QuantizeSettings,
    Serving,
    TechniqueTree,
    VariantManifest,
)
from leanstage.plan import load_tree, walk
from leanstage.plan.measured import by_measurement, measured_facts
from leanstage.plan.predicates import holds
from leanstage.plan.tree import SETTINGS
from leanstage.quantize.backends import BACKENDS
from leanstage.variant import hardware
from leanstage.variant.architectures import FAMILIES
from tests.plan.cases import any_facts, any_gains, borders

TREE = load_tree()
EXAMPLES = settings(max_examples=200, deadline=None)


def leaves(tree: DecisionTree, part: TechniqueTree) -> set[str]:
    return {b.id for q in part.questions for b in q.branches if b.settings is not None}


@EXAMPLES
@given(facts=any_facts(TREE), gains=any_gains(), told=st.booleans())
def test_every_combination_of_facts_ends_in_one_leaf_a_technique(
    facts: dict[str, Any], gains: Any, told: bool
) -> None:
    """Even where the facts of calibration contradict each other, as they are drawn."""
    facts |= measured_facts(gains) if told else {}
    walked = walk(TREE, facts, gains)
    assert tuple(walked.settings) == TECHNIQUES
    for part in TREE.techniques:
        steps = [answer.branch for answer in walked.path if answer.technique == part.technique]
        assert [each for each in steps if each in leaves(TREE, part)] == [steps[-1]]
        assert isinstance(walked.settings[part.technique], SETTINGS[part.technique])
        for question in part.questions:
            held = [branch.id for branch in question.branches if holds(branch.when, facts)]
            taken = [branch.id for branch in question.branches if branch.id in steps]
            assert taken in ([], held[:1])


@EXAMPLES
@given(facts=any_facts(TREE), gains=any_gains())
def test_what_was_measured_orders_the_backends_and_leaves_out_what_gains_nothing(
    facts: dict[str, Any], gains: Any
) -> None:
    facts |= measured_facts(gains)
    walked = walk(TREE, facts, gains)
    (leaf,) = (a for a in walked.path if a.technique == "quantize" and a.branch in _quantize())
    backends = walked.settings["quantize"].model_dump()["backends"]
    listed = QuantizeSettings.model_validate(_quantize()[leaf.branch]).backends
    assert backends == by_measurement(listed, gains)
    assert set(backends) | set(leaf.left_out) == set(listed)
    assert not set(backends) & set(facts["gainless_forms"])
    assert {each.form for each in leaf.gains} >= set(listed) & set(gains)
    ratios = [gains[name].ratio for name in backends if name in facts["tried_forms"]]
    assert ratios == sorted(ratios)


def _quantize() -> dict[Any, Any]:
    part = TREE.techniques[-1]
    return {b.id: b.settings for q in part.questions for b in q.branches if b.settings is not None}


@pytest.mark.parametrize("part", TREE.techniques, ids=lambda part: part.technique)
def test_every_leaf_and_every_other_branch_is_taken(part: TechniqueTree) -> None:
    one = TREE.model_copy(update={"techniques": (part,)})
    taken = {answer.branch for facts in borders(TREE, part) for answer in walk(one, facts, {}).path}
    assert leaves(TREE, part) <= taken
    assert taken == {branch.id for question in part.questions for branch in question.branches}


def test_no_leaf_names_a_backend_that_the_line_lacks() -> None:
    for values in _quantize().values():
        assert set(QuantizeSettings.model_validate(values).backends) <= set(BACKENDS)


def test_few_answers_are_those_that_the_least_training_is_not_paid_back_by() -> None:
    """A pass over a row takes three answers, and one of a smaller model saves half of one."""
    branches = [
        [branch for question in part.questions for branch in question.branches]
        for part in TREE.techniques[:2]
    ]
    passes = [
        [b.settings["epochs"] for b in part if "epochs" in (b.settings or {})] for part in branches
    ]
    least = sum(min(each) for each in passes)
    few = [b.when for part in branches for b in part if b.id.endswith("no-payback")]
    assert few == [{"answers_per_row": {"lt": least * 3 / 0.5}}] * 2


def test_the_domains_are_those_of_the_code() -> None:
    def values(name: str) -> set[str]:
        return set(TREE.facts[name].values)  # type: ignore[union-attr]

    assert values("architecture") == set(FAMILIES)
    assert values("task") == set(get_args(VariantManifest.model_fields["task"].annotation))
    assert values("serving") == set(get_args(Serving))
    assert values("features") == set(hardware._X86)
    for name in ("tried_forms", "gaining_forms", "gainless_forms"):
        assert values(name) == set(get_args(Form))
