"""What is left of a model: homogeneous, loadable by plain transformers, the best of it kept."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from leanstage.errors import LeanstageError
from leanstage.prune.cut import best, cut
from leanstage.prune.importance import importance, magnitude
from leanstage.prune.shape import shape_of, target_shape
from leanstage.variant.architectures import FAMILIES, family_of, layers_of
from leanstage.variant.checkpoint import parameter_count
from tests.prune.models import logits_of, model_of, rows_of

DIMENSIONS: dict[str, tuple[Any, ...]] = {
    "feed-forward": ("feed_forward",),
    "heads": ("heads",),
    "hidden": ("hidden",),
    "layers": ("layers",),
    "all": ("feed_forward", "heads", "hidden", "layers"),
}
RELOAD = """
import json, sys, torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification
from tests.prune.models import logits_of
answers = {}
for folder in json.loads(sys.argv[2]):
    auto = AutoModelForCausalLM if "llama" in folder else AutoModelForSequenceClassification
    model, report = auto.from_pretrained(folder, output_loading_info=True)
    assert not any(report[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    answers[folder] = logits_of(model.eval())
save_file(answers, sys.argv[1])
"""


@pytest.fixture(scope="module")
def pruned(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Any, torch.Tensor]]:
    """Every family cut in every direction: the model, and what it answers in a fresh process."""
    folder = tmp_path_factory.mktemp("pruned")
    made = {}
    for family in FAMILIES:
        model, rows = model_of(family), rows_of(family)
        scores = importance(model, rows, "taylor", batch_size=2)
        for name, dimensions in DIMENSIONS.items():
            target = target_shape(shape_of(model), 0.4, dimensions)
            path = str(folder / f"{family}-{name}")
            made[path] = cut(model, target, scores)
            made[path].save_pretrained(path)
    answers = folder / "answers.safetensors"
    subprocess.run(
        [sys.executable, "-c", RELOAD, str(answers), json.dumps(list(made))],
        check=True,
        timeout=120,
    )
    found = load_file(answers)
    return {Path(path).name: (made[path], found[path]) for path in made}


@pytest.mark.parametrize("name", DIMENSIONS)
@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_left_reloads_elsewhere_with_the_same_logits(
    family: str, name: str, pruned: dict[str, tuple[Any, torch.Tensor]]
) -> None:
    model, elsewhere = pruned[f"{family}-{name}"]
    torch.testing.assert_close(elsewhere, logits_of(model), atol=1e-5, rtol=1e-5)
    whole = model_of(family)
    assert shape_of(model) == target_shape(shape_of(whole), 0.4, DIMENSIONS[name])
    assert parameter_count(model) < parameter_count(whole)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_layer_has_the_shape_that_the_config_says(
    family: str, pruned: dict[str, tuple[Any, torch.Tensor]]
) -> None:
    model, _ = pruned[f"{family}-all"]
    shape, names = shape_of(model), family_of(family, where="test")
    assert len(layers_of(model)) == shape.layers == 2
    for layer in layers_of(model):
        sizes = {path: layer.get_submodule(path).weight.shape for path in names.project}
        query, key, value = sizes.values()
        assert query == (shape.heads * shape.head_dim, shape.hidden)
        assert key == value == (shape.kv_heads * shape.head_dim, shape.hidden)
        assert layer.get_submodule(names.merge).weight.shape == (shape.hidden, query[0])
        for path in names.widen:
            assert layer.get_submodule(path).weight.shape == (shape.intermediate, shape.hidden)
    embedding = model.get_input_embeddings()
    assert embedding.weight.shape == (50, shape.hidden)
    if model.config.tie_word_embeddings and family == "llama":
        assert model.get_output_embeddings().weight is embedding.weight


@pytest.mark.parametrize("family", FAMILIES)
def test_the_best_of_every_direction_is_kept_in_place(family: str) -> None:
    model, names = model_of(family), family_of(family, where="test")
    before = {name: weights.clone() for name, weights in model.state_dict().items()}
    shape = shape_of(model)
    scores = magnitude(model)
    target = target_shape(shape, 0.4, DIMENSIONS["all"])
    smaller = cut(model, target, scores)
    for name, weights in model.state_dict().items():
        torch.testing.assert_close(weights, before[name], msg=f"{name} of the input changed")

    layers, hidden = best(scores.layers, target.layers), best(scores.hidden, target.hidden)
    whole = model.get_input_embeddings().weight
    torch.testing.assert_close(smaller.get_input_embeddings().weight, whole[:, hidden])
    shared = sum(scores.heads[layer] for layer in layers) if names.head_bias else None
    for index, layer in enumerate(layers_of(smaller)):
        old = layers_of(model)[layers[index]]
        neurons = best(scores.neurons[layers[index]], target.intermediate)
        for path in names.widen:
            kept = old.get_submodule(path).weight[neurons][:, hidden]
            torch.testing.assert_close(layer.get_submodule(path).weight, kept)
        kept = old.get_submodule(names.narrow).weight[hidden][:, neurons]
        torch.testing.assert_close(layer.get_submodule(names.narrow).weight, kept)
        of_heads = scores.heads[layers[index]] if shared is None else shared
        keys = best(of_heads.reshape(shape.kv_heads, -1).sum(dim=1), target.kv_heads)
        group = shape.heads // shape.kv_heads
        heads = [key * group + head for key in keys for head in range(group)]
        query, key, _ = names.project
        for path, parts in ((query, heads), (key, keys)):
            rows = [part * shape.head_dim + row for part in parts for row in range(shape.head_dim)]
            kept = old.get_submodule(path).weight[rows][:, hidden]
            torch.testing.assert_close(layer.get_submodule(path).weight, kept)
        if names.head_bias:
            bias = model.base_model.get_submodule(names.head_bias).weight[:, heads]
            torch.testing.assert_close(
                smaller.base_model.get_submodule(names.head_bias).weight, bias
            )
    if names.pooler:
        outputs = best(scores.pooler, target.hidden)
        kept = model.get_submodule(names.pooler).weight[outputs][:, hidden]
        torch.testing.assert_close(smaller.get_submodule(names.pooler).weight, kept)


@pytest.mark.parametrize("kind", ["taylor", "activation", "magnitude"])
@pytest.mark.parametrize("family", FAMILIES)
def test_neurons_that_add_nothing_leave_without_a_trace(family: str, kind: Any) -> None:
    model, names = model_of(family), family_of(family, where="test")
    with torch.no_grad():
        for number, layer in enumerate(layers_of(model)):
            idle = slice(number % 2, None, 2)
            for path in names.widen:
                layer.get_submodule(path).weight[idle] = 0
                if layer.get_submodule(path).bias is not None:
                    layer.get_submodule(path).bias[idle] = 0
            layer.get_submodule(names.narrow).weight[:, idle] = 0
    expected = logits_of(model)
    target = target_shape(shape_of(model), 0.5, ("feed_forward",))
    smaller = cut(model, target, importance(model, rows_of(family), kind, batch_size=2))
    torch.testing.assert_close(logits_of(smaller), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("heads", "keys", "idle"),
    [
        (4, 2, [[0, 1, 4, 5], [2, 3, 6, 7], [0, 1, 2, 3]]),
        (4, 4, [[0, 3, 5, 6], [1, 2, 4, 7], [0, 2, 4, 6]]),
        (2, 2, [[0, 1, 2, 4, 5, 7], [1, 2, 3, 4, 6, 7], [0, 2, 4, 5, 6, 7]]),
    ],
    ids=["whole keys", "a head of each key", "both"],
)
def test_heads_that_add_nothing_leave_without_a_trace(
    heads: int, keys: int, idle: list[list[int]]
) -> None:
    model = model_of("llama")
    with torch.no_grad():
        for layer, gone in zip(layers_of(model), idle, strict=True):
            for head in gone:
                layer.self_attn.o_proj.weight[:, 16 * head : 16 * (head + 1)] = 0
    expected = logits_of(model)
    target = replace(shape_of(model), heads=heads, kv_heads=keys)
    smaller = cut(model, target, importance(model, rows_of("llama"), "taylor", batch_size=2))
    assert shape_of(smaller) == target
    torch.testing.assert_close(logits_of(smaller), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", ["taylor", "activation"])
def test_a_layer_that_adds_nothing_leaves_without_a_trace(kind: Any) -> None:
    model = model_of("llama")
    with torch.no_grad():
        layers_of(model)[1].self_attn.o_proj.weight.zero_()
        layers_of(model)[1].mlp.down_proj.weight.zero_()
    expected = logits_of(model)
    target = target_shape(shape_of(model), 0.34, ("layers",))
    smaller = cut(model, target, importance(model, rows_of("llama"), kind, batch_size=2))
    torch.testing.assert_close(logits_of(smaller), expected, atol=1e-5, rtol=1e-5)
    # A gap in the numbers of the layers would show in what is written with a cache.
    ids = torch.arange(4, 12).unsqueeze(0)
    written = smaller.generate(ids, max_new_tokens=4, do_sample=False)
    again = smaller.generate(ids, max_new_tokens=4, do_sample=False, use_cache=False)
    torch.testing.assert_close(written, again)


def test_a_shape_that_no_config_can_say_is_refused() -> None:
    model = model_of("bert")
    target = replace(shape_of(model), heads=2, kv_heads=2)
    with pytest.raises(LeanstageError, match="a model that its config cannot describe"):
        cut(model, target, magnitude(model))
