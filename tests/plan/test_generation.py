"""A plan for a model that generates: pruned and recovered, quantized to what writes text."""

from pathlib import Path
from typing import Any

import pytest
from transformers import AutoModelForCausalLM

from leanstage.contracts import Serving
from leanstage.plan import load_tree, walk
from leanstage.plan.facts import model_facts
from leanstage.quantize.backends import BACKENDS
from tests.plan.cases import FACTS, gain
from tests.plan.test_make import branches, planned, profile

LANGUAGE = FACTS | {"task": "text-generation", "architecture": "llama", "labels": 0}
TREE = load_tree()
GPU: dict[str, Any] = {"accelerators": 1, "gpu_compute": 9.0}


def backends(**facts: Any) -> tuple[str, ...]:
    found = walk(TREE, LANGUAGE | facts, {}).settings["quantize"].model_dump()["backends"]
    return tuple(found)


def test_the_facts_are_those_that_the_library_loads(tiny_llama: Path) -> None:
    facts = model_facts(tiny_llama)
    model = AutoModelForCausalLM.from_pretrained(tiny_llama)
    assert facts["parameters"] == sum(weight.numel() for weight in model.parameters())
    assert (facts["task"], facts["architecture"], facts["labels"]) == (
        "text-generation",
        "llama",
        0,
    )
    assert (facts["layers"], facts["heads"], facts["key_value_heads"]) == (4, 4, 2)
    assert (facts["hidden_size"], facts["intermediate_size"]) == (64, 160)


def test_no_student_but_recovered_pruning(tiny_llama: Path) -> None:
    plan = planned(tiny_llama, profile())
    assert (plan.distill.depths, plan.distill.widths) == ((), ())
    assert (plan.prune.ratios, plan.prune.dimensions) == ((0.33, 0.2, 0.1), ("feed_forward",))
    assert "distill.generation" in branches(plan)


def test_what_encoders_gain_decides_nothing_for_a_decoder(tiny_llama: Path) -> None:
    told = profile(gain("torch-bf16", 2.0, shape="4x64"), gain("half-width", 1.2, shape="4x64"))
    plan = planned(tiny_llama, told)
    assert plan.prune.ratios
    assert not plan.facts["tried_forms"]
    assert all(answer.basis == "rule" for answer in plan.path)


def test_of_many_layers_some_may_go_where_the_tolerance_covers_it() -> None:
    deep = walk(TREE, LANGUAGE | {"layers": 30, "tolerance": 0.05}, {}).settings["prune"]
    assert deep.model_dump()["dimensions"] == ("layers", "feed_forward")
    strict = walk(TREE, LANGUAGE | {"layers": 30}, {}).settings["prune"]
    assert strict.model_dump()["dimensions"] == ("feed_forward",)


@pytest.mark.parametrize("serving", ["any", "torch", "transformers", "kserve-huggingface", "vllm"])
def test_only_what_writes_text_is_tried(serving: Serving) -> None:
    for facts in ({}, {"features": ("avx2",)}, GPU, GPU | {"gpu_compute": 7.5}):
        tried = backends(serving=serving, **facts)
        assert tried
        assert set(tried) <= set(BACKENDS)
        assert not [name for name in tried if name.startswith(("onnxruntime", "openvino"))]


def test_backends_are_those_of_the_hardware() -> None:
    assert backends(**GPU) == ("torch-bf16", "bitsandbytes-nf4", "bitsandbytes-int8")
    assert "torch-bf16" not in backends(**GPU | {"gpu_compute": 7.5})
    assert set(backends()) == {"torch-bf16", "bitsandbytes-nf4"}
    assert "torch-bf16" not in backends(features=("avx2",))


def test_a_runtime_that_writes_nothing_is_given_nothing() -> None:
    assert backends(serving="onnxruntime") == ()
