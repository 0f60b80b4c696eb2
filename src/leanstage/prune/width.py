"""Feed-forward width, cut by torch-pruning's dependency graph."""

from typing import Any

from leanstage.errors import LeanstageError
from leanstage.variant.architectures import encoder_of, layers_of

ROUND_TO = 32
"""Widths stay multiples of this: vector units take no narrower step."""


def pruned_width(width: int, ratio: float) -> int:
    """Feed-forward width that is left after removing ``ratio`` of it, a multiple of 32."""
    return max(ROUND_TO, round(width * (1 - ratio) / ROUND_TO) * ROUND_TO)


def prune_width(model: Any, ratio: float) -> None:
    """Remove ``ratio`` of the feed-forward neurons of every layer, in place.

    Every layer loses the same number, so that ``config.json`` can say the new width and plain
    ``from_pretrained`` loads the result. A neuron's importance is the norm of the weights that
    enter and leave it (Fang et al. 2023, "DepGraph: Towards Any Structural Pruning").

    Raises:
        LeanstageError: the layers do not have the shape asked for afterwards.
    """
    import torch
    import torch_pruning

    encoder = encoder_of(model.config.model_type, where="the model")
    before = getattr(model.config, encoder.width_key)
    after = pruned_width(before, ratio)
    layers = layers_of(model)
    widen = [layer.get_submodule(encoder.widen) for layer in layers]
    example = torch.ones((1, 8), dtype=torch.long, device=model.device)
    pruner = torch_pruning.pruner.BasePruner(
        model,
        {"input_ids": example, "attention_mask": example},
        importance=torch_pruning.importance.GroupMagnitudeImportance(p=2),
        pruning_ratio=0.0,
        pruning_ratio_dict=dict.fromkeys(widen, 1 - after / before),
        # Everything but the feed-forward keeps its shape.
        ignored_layers=[
            module
            for module in model.modules()
            if isinstance(module, torch.nn.Linear)
            and not any(module is other for other in _feed_forward(layers, encoder))
        ],
        output_transform=lambda answer: answer.logits.sum(),
    )
    pruner.step()
    for layer in layers:
        shapes = (
            layer.get_submodule(encoder.widen).out_features,
            layer.get_submodule(encoder.narrow).in_features,
        )
        if shapes != (after, after):
            raise LeanstageError(
                f"pruning gave feed-forward widths {shapes} where {after} was asked for; the "
                "model is left out."
            )
    setattr(model.config, encoder.width_key, after)


def _feed_forward(layers: Any, encoder: Any) -> list[Any]:
    return [
        layer.get_submodule(path) for layer in layers for path in (encoder.widen, encoder.narrow)
    ]
