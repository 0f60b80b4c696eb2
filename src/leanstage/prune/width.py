"""Feed-forward width, cut by torch-pruning's dependency graph."""

from collections.abc import Sequence
from typing import Any

from leanstage.errors import LeanstageError
from leanstage.variant.architectures import family_of, layers_of

ROUND_TO = 32
"""Widths stay multiples of this: vector units take no narrower step."""


def pruned_width(width: int, ratio: float) -> int:
    """Feed-forward width that is left after removing ``ratio`` of it, a multiple of 32."""
    return max(ROUND_TO, round(width * (1 - ratio) / ROUND_TO) * ROUND_TO)


def prune_width(model: Any, ratio: float, importance: Sequence[Any]) -> None:
    """Remove ``ratio`` of the feed-forward neurons of every layer, the least important, in place.

    Every layer loses the same number, so that ``config.json`` can say the new width and plain
    ``from_pretrained`` loads the result. What else has to shrink with a neuron is found by
    torch-pruning (Fang et al. 2023, "DepGraph: Towards Any Structural Pruning").

    Args:
        ratio: share of the width to remove; what is left is a multiple of 32.
        importance: one tensor of shape (width) a layer.

    Raises:
        LeanstageError: the layers do not have the shape asked for afterwards.
    """
    import torch
    import torch_pruning

    family = family_of(model.config.model_type, where="the model")
    before = getattr(model.config, family.width_key)
    after = pruned_width(before, ratio)
    layers = layers_of(model)
    example = torch.ones((1, 8), dtype=torch.long, device=model.device)
    graph = torch_pruning.DependencyGraph().build_dependency(
        model,
        {"input_ids": example, "attention_mask": example},
        output_transform=lambda answer: answer.logits.sum(),
    )
    for layer, scores in zip(layers, importance, strict=True):
        widen = layer.get_submodule(family.widen[0])
        unwanted = scores.argsort()[: before - after].tolist()
        graph.get_pruning_group(
            widen, torch_pruning.prune_linear_out_channels, idxs=sorted(unwanted)
        ).prune()
    for layer in layers:
        shapes = (
            layer.get_submodule(family.widen[0]).out_features,
            layer.get_submodule(family.narrow).in_features,
        )
        if shapes != (after, after):
            raise LeanstageError(
                f"pruning gave feed-forward widths {shapes} where {after} was asked for; the "
                "model is left out."
            )
    setattr(model.config, family.width_key, after)
