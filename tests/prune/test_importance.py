"""Importance says what its formulas say, held against computations of another kind."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.nn.functional import cross_entropy

from leanstage.prune.importance import importance, magnitude
from leanstage.techniques.data import TaughtRows, pad, to_device
from leanstage.variant.architectures import FAMILIES, family_of, layers_of
from tests.prune.models import IDS, model_of, rows_of


@contextmanager
def gate_on_inputs(modules: list[Any], gates: list[torch.Tensor]) -> Iterator[None]:
    """Multiply what enters each module, channel by channel."""
    hooks = [
        module.register_forward_pre_hook(lambda _, given, gate=gate: (given[0] * gate,))
        for module, gate in zip(modules, gates, strict=True)
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def losses(model: Any, family: str) -> Iterator[torch.Tensor]:
    """The loss of each row by itself."""
    rows = rows_of(family)
    for row in range(len(rows)):
        batch = to_device(rows.collate([rows[row]]), model.device)
        yield rows.surprise(model, batch)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_head_matters_as_the_loss_changes_with_a_gate_on_it(family: str) -> None:
    """Michel et al. define the score as the gradient of a gate of one on the head's output."""
    model, names = model_of(family), family_of(family, where="test")
    merges = [layer.get_submodule(names.merge) for layer in layers_of(model)]
    heads = model.config.num_attention_heads
    gates = [torch.ones(heads, requires_grad=True) for _ in merges]
    head_dim = merges[0].in_features // heads
    wide = [gate.repeat_interleave(head_dim) for gate in gates]
    expected = [torch.zeros(heads) for _ in merges]
    with gate_on_inputs(merges, wide):
        for loss in losses(model, family):
            for total, gradient in zip(
                expected, torch.autograd.grad(loss, gates, retain_graph=True), strict=True
            ):
                total += gradient.abs()
    found = importance(model, rows_of(family), "taylor", batch_size=1).heads
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_layer_matters_as_the_loss_changes_when_it_fades(family: str) -> None:
    """The first-order change, held against a finite one: a hundredth of the layer left out."""
    model = model_of(family).double()
    expected = torch.zeros(3, dtype=torch.float64)
    step = 1e-2

    def fade(share: float) -> Callable[..., Any]:
        def hook(_module: Any, given: Any, named: dict[str, Any], output: Any) -> Any:
            before = given[0] if given else named["hidden_states"]
            after = output[0] if isinstance(output, tuple) else output
            faded = after + share * (before - after)
            return (faded, *output[1:]) if isinstance(output, tuple) else faded

        return hook

    with torch.no_grad():
        for index, layer in enumerate(layers_of(model)):
            ends = []
            for share in (step, -step):
                handle = layer.register_forward_hook(fade(share), with_kwargs=True)
                ends.append(list(losses(model, family)))
                handle.remove()
            expected[index] = sum(
                abs(one - other) / (2 * step) for one, other in zip(*ends, strict=True)
            )
    found = importance(model, rows_of(family), "taylor", batch_size=1).layers
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-2)


@pytest.mark.parametrize("size", [3, 4])
@pytest.mark.parametrize("kind", ["activation", "taylor"])
@pytest.mark.parametrize("family", FAMILIES)
def test_neither_padding_nor_batches_matter(family: str, kind: Any, size: int) -> None:
    """Rows by themselves have no padding; together the short ones are padded to the longest."""
    model = model_of(family)
    assert len({len(ids) for ids in IDS}) > 1
    one, other = (importance(model, rows_of(family), kind, batch_size=rows) for rows in (1, size))
    for name in ("neurons", "heads", "hidden", "layers"):
        torch.testing.assert_close(
            getattr(one, name), getattr(other, name), atol=1e-4, rtol=1e-3, msg=name
        )


def test_rows_are_asked_from_all_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows often come sorted by class; the first of them would tell what one class depends on."""
    monkeypatch.setattr("leanstage.prune.importance.ROWS", 2)
    rows, model = rows_of("bert"), model_of("bert")
    assert isinstance(rows, TaughtRows)
    ends = replace(rows, ids=[IDS[0], IDS[-1]], logits=rows.logits[[0, -1]])
    found, expected = (importance(model, each, "taylor", batch_size=2) for each in (rows, ends))
    torch.testing.assert_close(found.layers, expected.layers)


def test_a_model_before_its_own_answers_is_asked_for_more_than_their_rounding() -> None:
    model = model_of("bert")
    rows = rows_of("bert")
    assert isinstance(rows, TaughtRows)
    with torch.inference_mode():
        own = model(**pad(IDS, 0)).logits
    exact, rounded = (
        importance(model, replace(rows, logits=logits), "taylor", batch_size=4)
        for logits in (own, own.bfloat16().float())
    )
    for name in ("neurons", "heads", "hidden", "layers", "pooler"):
        torch.testing.assert_close(getattr(rounded, name), getattr(exact, name), msg=name)
    told = own.argmax(dim=1)
    assert exact.layers.sum() > 0.1 * cross_entropy(own, told)
    other = importance(model, replace(rows, logits=-own), "taylor", batch_size=4)
    assert not torch.allclose(other.layers, exact.layers, rtol=0.1)


@pytest.mark.parametrize("family", FAMILIES)
def test_magnitude_covers_every_weight_of_the_layers_once(family: str) -> None:
    """Feed-forward weights are counted with one neuron each, those of queries with one head."""
    model, names = model_of(family), family_of(family, where="test")
    scores = magnitude(model)
    for layer, neurons, whole in zip(layers_of(model), scores.neurons, scores.layers, strict=True):
        paths = (*names.widen, names.narrow)
        weights = [layer.get_submodule(path).weight for path in paths]
        total = sum(weight.square().sum() for weight in weights)
        torch.testing.assert_close(neurons.square().sum(), total)
        torch.testing.assert_close(
            whole.square(), sum(p.square().sum() for p in layer.parameters())
        )
    assert scores.hidden.shape == (64,)
    assert (scores.pooler is None) == (names.pooler is None)


def test_asking_leaves_the_model_as_it_was() -> None:
    model = model_of("bert").train()
    frozen = model.get_input_embeddings().weight.requires_grad_(False)
    before = {name: weights.clone() for name, weights in model.state_dict().items()}
    importance(model, rows_of("bert"), "taylor", batch_size=2)
    assert model.training
    assert not frozen.requires_grad
    others = [weights for weights in model.parameters() if weights is not frozen]
    assert all(weights.requires_grad and weights.grad is None for weights in others)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    for name, weights in model.state_dict().items():
        torch.testing.assert_close(weights, before[name])
