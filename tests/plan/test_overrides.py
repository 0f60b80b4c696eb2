"""Branches of an organization's own: merged by id, refused where they break the tree."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from leanstage.contracts import TECHNIQUES, DecisionTree, OwnBranch, TreeOverride
from leanstage.errors import InputError
from leanstage.plan import load_tree, walk
from leanstage.plan.measured import Gains
from leanstage.plan.overrides import merged
from leanstage.plan.reach import never_taken
from leanstage.plan.tree import SETTINGS, checked
from tests.plan.cases import FACTS, any_facts, borders, gain

SHIPPED = load_tree()
NEW: dict[str, Any] = {
    "id": "bank.small",
    "into": "distill.possible",
    "when": {"parameters": {"lt": 30_000_000}},
    "answer": "No student for small models.",
    "reason": "Their scores are approved with them.",
    "source": "Model risk policy 7.3",
    "settings": {"depths": []},
}
INSTEAD: dict[str, Any] = {
    "id": "quantize.cpu-bf16",
    "when": {"features": {"any_of": ["avx512_bf16"]}},
    "answer": "Measure bfloat16.",
    "reason": "int8 is not in our images.",
    "source": "Platform catalogue",
    "settings": {"backends": ["torch-bf16"]},
}


def own(tmp_path: Path, *branches: dict[str, Any], **fields: Any) -> Path:
    path = tmp_path / "own.yaml"
    path.write_text(yaml.safe_dump({"name": "bank-2026", "branches": list(branches), **fields}))
    return path


def ids(tree: DecisionTree, question: str) -> list[str]:
    return [
        branch.id
        for part in tree.techniques
        for each in part.questions
        if each.id == question
        for branch in each.branches
    ]


def test_a_new_branch_is_tried_before_the_others(tmp_path: Path) -> None:
    tree = load_tree(own(tmp_path, NEW))
    assert ids(tree, "distill.possible") == ["bank.small", *ids(SHIPPED, "distill.possible")]
    walked = walk(tree, FACTS, {})
    assert walked.path[0].branch == "bank.small"
    assert walked.path[0].source == "Model risk policy 7.3"
    assert walked.settings["distill"].model_dump()["depths"] == ()
    assert walked.settings["prune"] == walk(SHIPPED, FACTS, {}).settings["prune"]


def test_or_before_the_one_that_it_names(tmp_path: Path) -> None:
    tree = load_tree(own(tmp_path, NEW | {"before": "distill.ready"}))
    assert ids(tree, "distill.possible")[-2:] == ["bank.small", "distill.ready"]


def test_a_branch_of_the_same_id_is_replaced(tmp_path: Path) -> None:
    tree = load_tree(own(tmp_path, INSTEAD))
    assert ids(tree, "quantize.hardware") == ids(SHIPPED, "quantize.hardware")
    assert walk(tree, FACTS, {}).settings["quantize"].model_dump()["backends"] == ("torch-bf16",)


def test_a_question_that_is_cut_off_is_dropped(tmp_path: Path) -> None:
    cut = INSTEAD | {"id": "quantize.both", "when": {}}
    tree = load_tree(own(tmp_path, cut))
    asked = [question.id for question in tree.techniques[-1].questions]
    assert asked == ["quantize.serving", "quantize.torch", "quantize.decoder"]
    assert walk(tree, FACTS, {}).path[-1].branch == "quantize.both"


def test_version_and_digest_say_that_the_tree_is_another(tmp_path: Path) -> None:
    tree = load_tree(own(tmp_path, NEW, INSTEAD))
    assert tree.version == f"{SHIPPED.version}+bank-2026"
    assert tree.sha256() != SHIPPED.sha256()
    assert tree.sha256() != load_tree(own(tmp_path, NEW)).sha256()


MERGED = load_tree(Path(__file__).parents[2] / "src/leanstage/plan/example.yaml")

NEVER_TAKEN = never_taken(MERGED)


@settings(max_examples=100, deadline=None)
@given(facts=any_facts(MERGED))
def test_the_merged_tree_is_total_too(facts: dict[str, Any]) -> None:
    walked = walk(MERGED, facts, {})
    assert tuple(walked.settings) == TECHNIQUES
    assert not {answer.branch for answer in walked.path} & set(NEVER_TAKEN)


@pytest.mark.parametrize("gains", [{}, {"bitsandbytes-int8": gain("bitsandbytes-int8", 0.2)}])
def test_the_example_keeps_its_promise(gains: Gains) -> None:
    part = MERGED.techniques[-1]
    one = MERGED.model_copy(update={"techniques": (part,)})
    for facts in borders(MERGED, part):
        tried = walk(one, facts, gains).settings["quantize"].model_dump()["backends"]
        assert "bitsandbytes-int8" not in tried or facts["accelerators"]
    few = FACTS | {"learning_rows": 1999}
    assert walk(MERGED, few, {}).settings["distill"].model_dump()["depths"] == ()


BRANCHES = [b.id for p in SHIPPED.techniques for q in p.questions for b in q.branches]
LEAVES: dict[str, dict[str, Any]] = {
    "distill": {"depths": []},
    "prune": {"ratios": []},
    "quantize": {"backends": []},
}


@settings(max_examples=100, deadline=None)
@given(facts=any_facts(SHIPPED), replaced=st.sets(st.sampled_from(BRANCHES), min_size=1))
def test_so_is_it_whichever_branches_are_cut_short(
    facts: dict[str, Any], replaced: set[str]
) -> None:
    override = TreeOverride(
        name="cut",
        branches=tuple(
            OwnBranch(
                **branch.model_dump(exclude={"then", "settings"}),
                settings=LEAVES[part.technique],
            )
            for part in SHIPPED.techniques
            for question in part.questions
            for branch in question.branches
            if branch.id in replaced
        ),
    )
    tree = checked(merged(SHIPPED, override, where="cut"), where="cut")
    walked = walk(tree, facts, {})
    assert tuple(walked.settings) == TECHNIQUES
    for part in tree.techniques:
        (*_, last) = (answer.branch for answer in walked.path if answer.technique == part.technique)
        if last in replaced:
            assert walked.settings[part.technique] == SETTINGS[part.technique].model_validate(
                LEAVES[part.technique]
            )


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "replaces none": (
        INSTEAD | {"id": "quantize.cpu-bf61"},
        r"replaces none: .* did you mean 'quantize.cpu-bf16'\?",
    ),
    "is there already": (
        INSTEAD | {"into": "quantize.hardware"},
        "a branch of this id is there already; leave out 'into'",
    ),
    "unknown question": (
        NEW | {"into": "distill.posible"},
        r"goes into 'distill.posible', .* did you mean 'distill.possible'\?",
    ),
    "unknown neighbour": (
        NEW | {"before": "distill.redy"},
        r"goes before 'distill.redy', .* did you mean 'distill.ready'\?",
    ),
    "before what": (INSTEAD | {"before": "quantize.cpu"}, "say 'into' which question"),
    "an id of a question": (NEW | {"id": "prune.gain"}, "uses the id 'prune.gain' twice"),
    "always holds": (NEW | {"when": {}}, "'bank.small' holds always, so that the later ones"),
    "no last resort": (
        INSTEAD | {"id": "quantize.cpu"},
        "'quantize.cpu' is the last of 'quantize.hardware' and must hold always",
    ),
    "unknown fact": (
        NEW | {"when": {"parameter": {"lt": 3}}},
        r"asks about 'parameter', which is no fact; did you mean 'parameters'\?",
    ),
    "setting of another technique": (
        NEW | {"settings": {"ratios": []}},
        "sets 'ratios', which distill does not have",
    ),
    "unknown backend": (
        INSTEAD | {"settings": {"backends": ["tensorrt"]}},
        "has settings that quantize does not take",
    ),
    "nowhere to go": (
        {key: value for key, value in NEW.items() if key != "settings"} | {"then": "prune.gain"},
        "leads to 'prune.gain', which is no later question of distill",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_would_break_the_tree_is_refused(tmp_path: Path, case: str) -> None:
    branch, sentence = REFUSED[case]
    path = own(tmp_path, branch)
    with pytest.raises(InputError, match=sentence) as refused:
        load_tree(path)
    assert str(path) in str(refused.value)


def test_a_branch_that_stands_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="twice; keep one of them"):
        load_tree(own(tmp_path, INSTEAD, INSTEAD | {"answer": "Another."}))


IDLE: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "contradictory": (NEW | {"when": {"layers": {"lt": 2, "gt": 5}}}, ("bank.small",)),
    "no number between": (NEW | {"when": {"layers": {"gt": 2, "lt": 3}}}, ("bank.small",)),
    "shadowed": (
        NEW | {"when": {"layers": {"lt": 2}}, "before": "distill.ready"},
        ("bank.small",),
    ),
    "shadowing": (NEW | {"when": {"layers": {"lt": 5}}}, ("distill.few-layers",)),
    "narrow": (NEW | {"when": {"tolerance": {"gt": 0.01, "lt": 0.0101}}}, ()),
    "between": (NEW | {"when": {"layers": {"gt": 2, "lt": 4}}, "before": "distill.ready"}, ()),
    "unknown": (NEW | {"when": {"request_rate": {"known": False}}}, ()),
    "words": (
        NEW | {"when": {"features": {"has": "avx2", "lacks": "avx2"}}},
        ("bank.small",),
    ),
}


@pytest.mark.parametrize("case", IDLE)
def test_a_branch_that_is_never_taken_is_named(tmp_path: Path, case: str) -> None:
    branch, idle = IDLE[case]
    assert never_taken(load_tree(own(tmp_path, branch))) == idle


def test_none_that_ships_is() -> None:
    assert never_taken(SHIPPED) == ()


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere.yaml cannot be read"):
        load_tree(tmp_path / "nowhere.yaml")
    with pytest.raises(InputError, match=r"unknown key 'branch'; did you mean 'branches'\?"):
        load_tree(own(tmp_path, NEW, branch=[]))
    (tmp_path / "own.yaml").write_text("- a list\n")
    with pytest.raises(InputError, match="is not a set of branches"):
        load_tree(tmp_path / "own.yaml")
