"""A tree that is not sound is refused with one sentence: where, what, and what is near."""

import json
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import jsonschema
import pytest
import yaml

from leanstage.contracts import DecisionTree, TreeOverride
from leanstage.errors import InputError
from leanstage.plan.tree import load_tree, read_tree
from tests.plan.cases import FACTS

Change = Callable[[dict[str, Any]], object]


def shipped() -> dict[str, Any]:
    text = files("leanstage.plan").joinpath("tree.yaml").read_text("utf-8")
    document: dict[str, Any] = yaml.safe_load(text)
    return json.loads(json.dumps(document))  # aliases become copies, each to be changed alone


def branch(document: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(
        each
        for part in document["techniques"]
        for question in part["questions"]
        for each in question["branches"]
        if each["id"] == name
    )
    return found


def test_the_tree_that_ships_is_what_its_schema_says() -> None:
    schema = DecisionTree.model_json_schema()
    jsonschema.validate(shipped(), schema)
    broken = shipped()
    broken["techniques"][0]["questions"][0]["branches"][0]["when"] = {"layers": {"below": 3}}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, schema)


def test_the_example_of_own_branches_is_what_its_schema_says() -> None:
    text = files("leanstage.plan").joinpath("example.yaml").read_text("utf-8")
    jsonschema.validate(yaml.safe_load(text), TreeOverride.model_json_schema())


def test_the_digest_covers_every_word() -> None:
    tree = load_tree()
    assert tree.sha256() == load_tree().sha256()
    changed = shipped()
    branch(changed, "prune.narrow")["reason"] += " Or so."
    assert read_tree(yaml.safe_dump(changed), where="x").sha256() != tree.sha256()


def test_every_fact_is_one_that_is_told() -> None:
    assert set(load_tree().facts) == set(FACTS)


def test_every_answer_has_a_reason_and_a_source() -> None:
    for part in load_tree().techniques:
        for question in part.questions:
            for each in question.branches:
                assert each.answer.endswith(".")
                assert each.reason.strip().endswith(".")
                assert each.source


def _when(name: str, conditions: object) -> Change:
    return lambda document: branch(document, name).update(when=conditions)


def _settings(name: str, **changes: object) -> Change:
    return lambda document: branch(document, name)["settings"].update(changes)


REFUSED: dict[str, tuple[Change, str]] = {
    "unknown fact": (
        _when("prune.narrow", {"intermediate_sise": {"lt": 128}}),
        r"'prune.narrow', asks about 'intermediate_sise', .* did you mean 'intermediate_size'\?",
    ),
    "wrong comparison": (
        _when("prune.narrow", {"features": {"lt": 3}}),
        r"'features' is of type set, which 'lt' does not compare; use one of has, lacks, any_of",
    ),
    "a number for equality": (
        _when("prune.narrow", {"tolerance": {"eq": 0.1}}),
        "'tolerance' is of type number, which 'eq' does not compare",
    ),
    "out of the domain": (
        _when("prune.narrow", {"layers": {"lt": 0}}),
        r"'layers' is never 0; it goes from 1 up",
    ),
    "beyond every number": (
        _when("prune.narrow", {"parameters": {"lt": 10**400}}),
        r"'parameters' is never 10+\.\.\.0+; it goes from 1 up",
    ),
    "beyond the domain": (
        _when("prune.narrow", {"tolerance": {"ge": 2}}),
        "'tolerance' is never 2; it goes from 0 to 1",
    ),
    "another type": (
        _when("prune.narrow", {"layers": {"lt": 2.5}}),
        "'layers' is a number of type integer, and 2.5 is none",
    ),
    "a word for a number": (
        _when("prune.narrow", {"layers": {"lt": "three"}}),
        "'layers' is a number of type integer, and 'three' is none",
    ),
    "a truth for a number": (
        _when("prune.narrow", {"layers": {"lt": True}}),
        "'layers' is a number of type integer, and True is none",
    ),
    "unknown word": (
        _when("prune.narrow", {"serving": {"eq": "vlm"}}),
        r"'serving' is never 'vlm'; did you mean 'vllm'\?",
    ),
    "unknown word of a list": (
        _when("prune.narrow", {"features": {"any_of": ["avx2", "avx512_vnnni"]}}),
        r"'features' is never 'avx512_vnnni'; did you mean 'avx512_vnni'\?",
    ),
    "a word where a list belongs": (
        _when("prune.narrow", {"serving": {"in": "vllm"}}),
        "'in' takes a list of words, not 'vllm'",
    ),
    "an empty list": (
        _when("prune.narrow", {"serving": {"in": []}}),
        "'in' takes a list of words",
    ),
    "known of what is always known": (
        _when("prune.narrow", {"layers": {"known": True}}),
        "'layers' is always known",
    ),
    "known of a number": (
        _when("prune.narrow", {"gpu_compute": {"known": 1}}),
        "'known' takes true or false, not 1",
    ),
    "no comparison": (
        _when("prune.narrow", {"layers": {}}),
        "'prune.narrow', compares 'layers' with nothing",
    ),
    "unknown comparison": (
        _when("prune.narrow", {"layers": {"below": 3}}),
        "is not a valid decision tree: .*below",
    ),
    "no last resort": (
        _when("prune.ready", {"layers": {"ge": 3}}),
        "'prune.ready' is the last of 'prune.possible' and must hold always",
    ),
    "a branch that is never reached": (
        _when("prune.narrow", {}),
        "'prune.narrow' holds always, so that the later ones of 'prune.possible' are never reached",
    ),
    "a question that is not there": (
        lambda document: branch(document, "prune.ready").update(then="prune.spars"),
        r"leads to 'prune.spars', .* did you mean 'prune.sparsity'\?",
    ),
    "a question that came before": (
        lambda document: branch(document, "prune.sparsity-rule").update(then="prune.possible"),
        "leads to 'prune.possible', which is no later question of prune",
    ),
    "a question of another technique": (
        lambda document: branch(document, "prune.ready").update(then="distill.depth"),
        "leads to 'distill.depth', which is no later question of prune",
    ),
    "a question that nothing leads to": (
        lambda document: branch(document, "distill.ready").update(then="distill.depth"),
        "no branch leads to the question 'distill.gain'",
    ),
    "neither a question nor settings": (
        lambda document: branch(document, "distill.ready").pop("then"),
        "needs either 'then' or 'settings'",
    ),
    "both": (
        lambda document: branch(document, "distill.ready").update(settings={"depths": []}),
        "needs either 'then' or 'settings'",
    ),
    "a setting that the technique lacks": (
        lambda document: branch(document, "prune.much-text")["settings"].update(ratio=0.5),
        r"sets 'ratio', which prune does not have; did you mean 'ratios'\?",
    ),
    "a backend that the line lacks": (
        lambda document: branch(document, "quantize.cpu").update(
            settings={"backends": ["tensorrt-int8"]}
        ),
        "'quantize.cpu', has settings that quantize does not take: .*onnxruntime-int8",
    ),
    "a depth of more than all": (
        _settings("distill.deep", depths=[5.0]),
        "depths.0: .* less than 1",
    ),
    "a depth of all": (_settings("distill.deep", depths=[1]), "depths.0: .* less than 1"),
    "a depth of nothing": (_settings("distill.deep", depths=[0.5, 0]), "depths.1: .* than 0"),
    "a truth for a depth": (_settings("distill.deep", depths=[True]), "depths.0: .* valid number"),
    "a ratio under nothing": (_settings("prune.much-text", ratios=[-0.5]), "ratios.0: .* than 0"),
    "a ratio of more than all": (_settings("prune.much-text", ratios=[1.5]), "ratios.0: .* than 1"),
    "passes without end": (
        _settings("distill.deep", epochs=100_000_000),
        "epochs: .* equal to 100",
    ),
    "a truth for passes": (_settings("prune.much-text", epochs=True), "epochs: .* valid integer"),
    "a technique that the line lacks": (
        lambda document: document["techniques"][0].update(technique="sparsify"),
        "technique: Input should be 'distill', 'prune' or 'quantize'",
    ),
    "a technique that is missing": (
        lambda document: document["techniques"].pop(1),
        "must ask about distill, prune, quantize, once each and in this order",
    ),
    "an id that stands twice": (
        lambda document: branch(document, "prune.narrow").update(id="prune.ready"),
        "uses the id 'prune.ready' twice",
    ),
    "an unknown key": (
        lambda document: document.update(fact={}),
        r"unknown key 'fact'; did you mean 'facts'\?",
    ),
    "no reason": (
        lambda document: branch(document, "prune.narrow").pop("reason"),
        "reason: Field required",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_sound_tree_is_refused(case: str) -> None:
    change, sentence = REFUSED[case]
    document = shipped()
    change(document)
    with pytest.raises(InputError, match=sentence) as refused:
        read_tree(yaml.safe_dump(document), where="own.yaml")
    assert "own.yaml" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_key_that_stands_twice_is_refused() -> None:
    with pytest.raises(InputError, match="stands twice"):
        read_tree("version: '1'\nversion: '2'\n", where="own.yaml")
