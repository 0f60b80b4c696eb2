"""What a model measures in every direction, and what is left of it after pruning."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from leanstage.contracts.plan import Dimension
from leanstage.errors import InputError
from leanstage.variant.architectures import family_of

NEURONS_STEP = 32
"""Feed-forward widths stay multiples of this: vector units take no narrower step."""
HIDDEN_STEP = 8
"""So do hidden sizes that the heads do not tie."""
LEAST_LAYERS = 2


@dataclass(frozen=True)
class Shape:
    """A transformer whose layers are all alike, as its ``config.json`` can say it."""

    layers: int
    hidden: int
    heads: int
    kv_heads: int
    """Heads of keys and values; fewer than ``heads`` where queries share them."""
    head_dim: int
    intermediate: int
    tied: bool
    """Whether the family has no other width of a head than the hidden size over the heads."""

    def __str__(self) -> str:
        heads = f"{self.heads} heads"
        if self.kv_heads != self.heads:
            heads += f" on {self.kv_heads} keys"
        return f"{self.layers} layers x {self.hidden}, {heads}, feed-forward {self.intermediate}"


def shape_of(model: Any) -> Shape:
    """The shape of a transformers model, from its config."""
    config = model.config
    family = family_of(config.model_type, where="the model")
    hidden, heads = getattr(config, family.hidden_key), getattr(config, family.heads_key)
    return Shape(
        layers=getattr(config, family.depth_key),
        hidden=hidden,
        heads=heads,
        kv_heads=getattr(config, family.kv_heads_key) if family.kv_heads_key else heads,
        head_dim=getattr(config, family.head_dim_key) if family.head_dim_key else hidden // heads,
        intermediate=getattr(config, family.width_key),
        tied=family.head_dim_key is None,
    )


def target_shape(
    shape: Shape, ratio: float, dimensions: Sequence[Dimension], *, within: Shape | None = None
) -> Shape:
    """What is left after removing ``ratio`` of each of the dimensions, to the nearest that loads.

    Feed-forward widths are multiples of 32. Where the hidden size is the heads times their width,
    both go together, whole heads at a time. Elsewhere it stays a multiple of 8 and of the heads,
    which transformers asks for even where ``head_dim`` is given, and where heads share keys every
    key keeps the same number of them.

    Args:
        within: what an earlier round has left of ``shape``, which nothing may exceed.

    Raises:
        InputError: the ratio is no share, or leaves fewer than two layers, no head, no hidden
            channel or no feed-forward neuron.
    """
    if not 0 < ratio < 1:
        raise InputError(f"the ratio {ratio:g} is no share of a model; give one between 0 and 1.")
    keep = 1 - ratio
    target = most = within or shape
    if "layers" in dimensions:
        layers = _nearest(shape.layers * keep)
        _leaves(ratio, layers >= LEAST_LAYERS, "two layers", shape.layers)
        target = replace(target, layers=min(layers, most.layers))
    if "feed_forward" in dimensions:
        width = _nearest(shape.intermediate * keep, NEURONS_STEP)
        what = f"{NEURONS_STEP} feed-forward neurons"
        _leaves(ratio, width >= NEURONS_STEP, what, shape.intermediate)
        target = replace(target, intermediate=min(width, most.intermediate))
    if {"heads", "hidden"}.isdisjoint(dimensions):
        return target
    if shape.tied or "heads" in dimensions:
        heads = _nearest(shape.heads * keep)
        _leaves(ratio, heads > 0, "a head", shape.heads)
        if shape.tied:
            return replace(target, heads=heads, kv_heads=heads, hidden=heads * shape.head_dim)
        target = _fewer_heads(target, shape.heads * keep, free="hidden" in dimensions)
    if "hidden" in dimensions:
        step = math.lcm(HIDDEN_STEP, target.heads)
        hidden = min(_nearest(shape.hidden * keep, step), most.hidden // step * step)
        _leaves(ratio, hidden > 0, "a hidden channel", shape.hidden)
        target = replace(target, hidden=hidden)
    return target


def _fewer_heads(shape: Shape, wanted: float, *, free: bool) -> Shape:
    """As many heads as wanted or nearly: whole groups on a key rather than fewer in each.

    Args:
        free: whether the hidden size is still to follow; otherwise the heads must divide it.
    """
    group = shape.heads // shape.kv_heads
    choices = [
        (keys, each)
        for keys in range(1, shape.kv_heads + 1)
        for each in range(1, group + 1)
        if free or shape.hidden % (keys * each) == 0
    ]
    keys, each = min(choices, key=lambda choice: (abs(math.prod(choice) - wanted), -choice[1]))
    return replace(shape, heads=keys * each, kv_heads=keys)


def _nearest(value: float, step: int = 1) -> int:
    return math.floor(value / step + 0.5) * step


def _leaves(ratio: float, enough: bool, what: str, of: int) -> None:
    if not enough:
        raise InputError(f"the ratio {ratio:g} does not leave {what} of {of}; give a smaller one.")
