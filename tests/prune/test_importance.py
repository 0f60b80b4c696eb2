"""Importance says what its formulas say, held against computations of another kind."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch

from leanstage.prune.importance import importance, magnitude
from leanstage.techniques.data import to_device
from leanstage.variant.architectures import FAMILIES, family_of, layers_of
from tests.prune.models import IDS, RECIPE, model_of, rows_of

ONE_ROW = RECIPE.model_copy(update={"batch_size": 1})


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
        yield rows.loss(model, batch, ONE_ROW)[0]


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
    found = importance(model, rows_of(family), ONE_ROW, "taylor").heads
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
    found = importance(model, rows_of(family), ONE_ROW, "taylor").layers
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-2)


@pytest.mark.parametrize("size", [3, 4])
@pytest.mark.parametrize(
    ("family", "kind"),
    [(family, "activation") for family in FAMILIES]
    # The loss of a text is a mean over the tokens of its batch, not over rows.
    + [(name, "taylor") for name, row in FAMILIES.items() if row.task == "text-classification"],
)
def test_neither_padding_nor_batches_matter(family: str, kind: Any, size: int) -> None:
    """Rows by themselves have no padding; together the short ones are padded to the longest."""
    model = model_of(family)
    assert len({len(ids) for ids in IDS}) > 1
    together = RECIPE.model_copy(update={"batch_size": size})
    one, other = (
        importance(model, rows_of(family), recipe, kind) for recipe in (ONE_ROW, together)
    )
    for name in ("neurons", "heads", "hidden", "layers"):
        torch.testing.assert_close(
            getattr(one, name), getattr(other, name), atol=1e-4, rtol=1e-3, msg=name
        )


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
    importance(model, rows_of("bert"), RECIPE, "taylor")
    assert model.training
    assert not frozen.requires_grad
    others = [weights for weights in model.parameters() if weights is not frozen]
    assert all(weights.requires_grad and weights.grad is None for weights in others)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    for name, weights in model.state_dict().items():
        torch.testing.assert_close(weights, before[name])
