"""The places of a model where importance is read, and what is summed of them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from leanstage.variant.architectures import family_of, layers_of

Score = Callable[[Any, Any, Any], Any]
"""From an activation, its gradient (None where none is asked for) and the mask of the text, of
shape (rows, tokens, 1), to what is added to the sum of the part."""


@dataclass
class Spot:
    """One module whose input or output is read on every pass."""

    module: Any
    score: Score
    of_input: bool = False
    whole: bool = False
    """Whether the output is read as the change from the input: a layer as one part."""
    total: Any = 0.0
    _before: Any = field(default=None, init=False)
    _kept: Any = field(default=None, init=False)

    def watch(self, *, gradients: bool) -> list[Any]:
        """Hooks that keep what passes."""

        def before(_: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
            self._before = arguments[0] if arguments else named["hidden_states"]
            if self.of_input:
                self._keep(self._before, gradients)

        def after(_module: Any, _inputs: Any, output: Any) -> None:
            if not self.of_input:
                self._keep(output[0] if isinstance(output, tuple) else output, gradients)

        return [
            self.module.register_forward_pre_hook(before, with_kwargs=True),
            self.module.register_forward_hook(after),
        ]

    def add(self, mask: Any) -> None:
        """Add what the last pass says."""
        kept, gradient = self._kept.detach(), self._kept.grad
        activation = (self._before.detach(), kept) if self.whole else kept
        self.total = self.total + self.score(activation, gradient, mask)
        self._before = self._kept = None

    def _keep(self, activation: Any, gradients: bool) -> None:
        self._kept = activation
        if gradients:
            activation.retain_grad()


def spots_of(model: Any) -> dict[str, list[Spot]]:
    """Where each part of a model is read, by the names of ``Scores``.

    Hidden channels are read behind every norm: what passes there is what all layers go by.
    """
    family = family_of(model.config.model_type, where="the model")
    hidden = getattr(model.config, family.hidden_key)
    heads = getattr(model.config, family.heads_key)
    layers = list(layers_of(model))

    def of_head(activation: Any, gradient: Any, mask: Any) -> Any:
        each = activation.unflatten(-1, (heads, -1))
        if gradient is None:
            return (each.norm(dim=-1) * mask).sum(dim=(0, 1))
        return (each * gradient.unflatten(-1, (heads, -1))).sum(dim=(1, 3)).abs().sum(dim=0)

    spots = {
        "neurons": [
            Spot(layer.get_submodule(family.narrow), of_channel, of_input=True) for layer in layers
        ],
        "heads": [
            Spot(layer.get_submodule(family.merge), of_head, of_input=True) for layer in layers
        ],
        "hidden": [
            Spot(module, of_channel)
            for module in model.base_model.modules()
            if "Norm" in type(module).__name__ and module.weight.shape == (hidden,)
        ],
        "layers": [Spot(layer, of_layer, whole=True) for layer in layers],
    }
    if family.pooler:
        spots["pooler"] = [Spot(model.get_submodule(family.pooler), of_channel)]
    return spots


def of_channel(activation: Any, gradient: Any, mask: Any) -> Any:
    """Of every channel of (rows, tokens, channels), or of (rows, channels)."""
    each = activation.abs() if gradient is None else (activation * gradient).abs()
    if each.dim() == 3:
        each = each * mask
    return each.flatten(0, -2).sum(dim=0)


def of_layer(states: tuple[Any, Any], gradient: Any, mask: Any) -> Any:
    """Of a layer, from the hidden states (rows, tokens, channels) before and after it."""
    from torch.nn.functional import cosine_similarity

    before, after = states
    if gradient is None:
        return ((1 - cosine_similarity(before, after, dim=-1)) * mask.squeeze(-1)).sum()
    return ((after - before) * gradient).sum(dim=(1, 2)).abs().sum()
