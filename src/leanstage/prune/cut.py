"""A model cut to a smaller shape, what matters least first."""

import copy
from typing import Any

from leanstage.errors import LeanstageError
from leanstage.prune.importance import Scores
from leanstage.prune.shape import Shape, shape_of
from leanstage.variant.architectures import Family, family_of, layers_of


def cut(model: Any, target: Shape, scores: Scores) -> Any:
    """A new model of shape ``target`` with the best of ``model``, which stays as it is.

    What has to shrink with a neuron or a hidden channel is found by torch-pruning's dependency
    graph (Fang et al. 2023, "DepGraph: Towards Any Structural Pruning"). Heads are cut by its
    functions, layer by layer: rotary positions, keys that heads share and MPNet's bias lead the
    graph astray. The result is built from the new config alone, so that it is what plain
    ``from_pretrained`` loads.

    Raises:
        LeanstageError: the config cannot say the shape that the cuts led to.
    """
    family = family_of(model.config.model_type, where="the model")
    shape = shape_of(model)
    work = copy.deepcopy(model)
    layers = best(scores.layers, target.layers)
    keep_layers(work, layers)
    _cut_widths(work, family, shape, target, scores, layers)
    _cut_heads(work, family, shape, target, scores, layers)
    return _rebuilt(model, work, family, target)


def best(scores: Any, count: int) -> list[int]:
    """The places of the ``count`` highest scores, in ascending order."""
    return sorted(scores.topk(count).indices.tolist())


def _rest(scores: Any, count: int) -> list[int]:
    return sorted(set(range(len(scores))) - set(best(scores, count)))


def keep_layers(model: Any, keep: list[int]) -> None:
    """Leave ``model`` the layers ``keep`` only, its config saying so."""
    from torch.nn import ModuleList

    family = family_of(model.config.model_type, where="the model")
    path, _, name = family.layers.rpartition(".")
    kept = ModuleList([layers_of(model)[index] for index in keep])
    setattr(model.base_model.get_submodule(path), name, kept)
    setattr(model.config, family.depth_key, len(keep))


def _cut_widths(
    work: Any, family: Family, shape: Shape, target: Shape, scores: Scores, layers: list[int]
) -> None:
    """Feed-forward neurons, hidden channels, and with them the layer before the classifier."""
    import torch
    import torch_pruning as pruning

    cuts: list[tuple[Any, Any, list[int]]] = []
    if target.intermediate < shape.intermediate:
        for layer, index in zip(layers_of(work), layers, strict=True):
            unwanted = _rest(scores.neurons[index], target.intermediate)
            widen = layer.get_submodule(family.widen[0])
            cuts.append((widen, pruning.prune_linear_out_channels, unwanted))
    if target.hidden < shape.hidden:
        unwanted = _rest(scores.hidden, target.hidden)
        cuts.append((work.get_input_embeddings(), pruning.prune_embedding_out_channels, unwanted))
        if family.pooler:
            unwanted = _rest(scores.pooler, target.hidden)
            pooler = work.get_submodule(family.pooler)
            cuts.append((pooler, pruning.prune_linear_out_channels, unwanted))
    if not cuts:
        return
    work.set_attn_implementation("eager")
    # A cache counts the layers that there were.
    work.config.use_cache = False
    work.requires_grad_(True)
    example = torch.ones((1, 8), dtype=torch.long, device=work.device)
    graph = pruning.DependencyGraph().build_dependency(
        work,
        {"input_ids": example, "attention_mask": example},
        output_transform=lambda answer: answer.logits.sum(),
        unwrapped_parameters=_norm_weights(work),
        verbose=False,
    )
    for module, function, unwanted in cuts:
        graph.get_pruning_group(module, function, idxs=unwanted).prune()


def _norm_weights(work: Any) -> list[tuple[Any, int]]:
    """Weights of norms that are no module of PyTorch's own, each with the dimension to cut."""
    from torch.nn import LayerNorm

    weights = [
        module.weight
        for module in work.base_model.modules()
        if type(module).__name__.endswith("RMSNorm") and not isinstance(module, LayerNorm)
    ]
    return [(weight, 0) for weight in weights]


def _cut_heads(
    work: Any, family: Family, shape: Shape, target: Shape, scores: Scores, layers: list[int]
) -> None:
    import torch_pruning as pruning

    if (target.heads, target.kv_heads) == (shape.heads, shape.kv_heads):
        return
    chosen = [scores.heads[index] for index in layers]
    if family.head_bias:
        # One bias serves all layers, so all of them lose the same heads.
        chosen = [sum(chosen)] * len(chosen)
    for layer, of_heads in zip(layers_of(work), chosen, strict=True):
        heads, keys = _unwanted_heads(of_heads, shape, target)
        query, *shared = family.project
        for path, gone in ((query, heads), *((path, keys) for path in shared)):
            rows = _rows(gone, shape.head_dim)
            pruning.prune_linear_out_channels(layer.get_submodule(path), idxs=rows)
        merge = layer.get_submodule(family.merge)
        pruning.prune_linear_in_channels(merge, idxs=_rows(heads, shape.head_dim))
    if family.head_bias:
        bias = work.base_model.get_submodule(family.head_bias)
        pruning.prune_embedding_out_channels(bias, idxs=heads)


def _unwanted_heads(scores: Any, shape: Shape, target: Shape) -> tuple[list[int], list[int]]:
    """Heads to remove, and keys to remove with all of their heads; each key keeps as many."""
    group, kept_of_group = shape.heads // shape.kv_heads, target.heads // target.kv_heads
    by_key = scores.reshape(shape.kv_heads, group)
    keys = _rest(by_key.sum(dim=1), target.kv_heads)
    heads = [
        key * group + head
        for key in range(shape.kv_heads)
        for head in (range(group) if key in keys else _rest(by_key[key], kept_of_group))
    ]
    return heads, keys


def _rows(heads: list[int], head_dim: int) -> list[int]:
    return [head * head_dim + row for head in heads for row in range(head_dim)]


def _rebuilt(model: Any, work: Any, family: Family, target: Shape) -> Any:
    """A model made from the config of ``target``, with the weights of ``work``."""
    config = copy.deepcopy(model.config)
    setattr(config, family.depth_key, target.layers)
    setattr(config, family.hidden_key, target.hidden)
    setattr(config, family.heads_key, target.heads)
    setattr(config, family.width_key, target.intermediate)
    if family.kv_heads_key:
        setattr(config, family.kv_heads_key, target.kv_heads)
    if family.head_dim_key:
        setattr(config, family.head_dim_key, target.head_dim)
    rebuilt = type(model)(config).to(model.device, model.dtype)
    try:
        rebuilt.load_state_dict(work.state_dict())
    except RuntimeError as error:
        raise LeanstageError(
            f"pruning to {target} gave a model that its config cannot describe ({error}); report "
            "this with the config.json of the model."
        ) from error
    rebuilt.tie_weights()
    if getattr(model, "generation_config", None) is not None:
        rebuilt.generation_config = copy.deepcopy(model.generation_config)
    return rebuilt.train(model.training)
