"""The decision tree answers every combination of facts, with known techniques only."""

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from leanstage.contracts import TECHNIQUES, HardwareProfile
from leanstage.errors import InputError
from leanstage.plan import Tree, load_tree, make_plan, walk
from leanstage.quantize.backends import BACKENDS
from leanstage.variant.adopt import adopt

FACTS = {
    "layers": [1, 2, 3, 4, 5, 11, 12, 24],
    "train_rows": [0, 499, 500, 9_999, 10_000],
    "intermediate_size": [64, 128, 3072],
    "accelerators": [0, 1],
    "features": [[], ["avx512_bf16"], ["avx2", "avx512_vnni"]],
}


def combinations() -> list[dict[str, object]]:
    return [dict(zip(FACTS, row, strict=True)) for row in itertools.product(*FACTS.values())]


def test_every_combination_reaches_one_answer_a_technique() -> None:
    tree = load_tree()
    for facts in combinations():
        path, settings = walk(tree, facts)
        assert len(path) == len(TECHNIQUES)
        assert tuple(settings) == TECHNIQUES


def test_every_branch_is_reached() -> None:
    tree = load_tree()
    reached = {answer.answer for facts in combinations() for answer in walk(tree, facts)[0]}
    assert reached == {b.answer for question in tree.questions for b in question.branches}


def test_every_backend_exists() -> None:
    for branch in load_tree().questions[-1].branches:
        assert set(branch.settings["backends"]) <= set(BACKENDS)


def test_a_tree_without_a_last_resort_is_refused() -> None:
    document = load_tree().model_dump()
    document["questions"][0]["branches"][-1]["when"] = {"layers": {"ge": 3}}
    with pytest.raises(ValidationError, match="no 'when'"):
        Tree.model_validate(document)


def test_a_setting_that_the_technique_lacks_is_refused() -> None:
    document = load_tree().model_dump()
    document["questions"][1]["branches"][-1]["settings"]["sparsity"] = 0.5
    with pytest.raises(ValidationError, match="sparsity"):
        Tree.model_validate(document)


def test_an_unknown_fact_is_named() -> None:
    with pytest.raises(InputError, match="'layers'"):
        walk(load_tree(), {"train_rows": 1})


def test_a_plan_says_why(tiny_checkpoint: Callable[[str], Path], tmp_path: Path) -> None:
    hardware = HardwareProfile(cpu="x", threads=2, memory_bytes=1, features=("avx512_bf16",))
    plan = make_plan(
        adopt(tiny_checkpoint("bert"), tmp_path / "v"),
        train_rows=1000,
        tolerance=0.01,
        hardware=hardware,
    )
    assert plan.distill.depths
    assert "onnxruntime-int8" in plan.quantize.backends
    assert all(answer.reason and answer.source for answer in plan.path)
