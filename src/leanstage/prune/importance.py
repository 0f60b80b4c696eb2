"""What the answers depend on: neurons, heads, hidden channels and layers, scored."""

import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from leanstage.contracts.plan import Importance
from leanstage.prune.spots import Spot, spots_of
from leanstage.techniques.data import to_device
from leanstage.techniques.spread import some
from leanstage.techniques.taught import Taught
from leanstage.variant.architectures import family_of, layers_of

ROWS = 640


@dataclass(frozen=True)
class Scores:
    """How much every part matters; the lowest are cut first."""

    neurons: list[Any]
    """One tensor of shape (intermediate size) a layer."""
    heads: list[Any]
    """One tensor of shape (heads) a layer."""
    hidden: Any
    """Shape (hidden size)."""
    layers: Any
    """Shape (layers)."""
    pooler: Any = None
    """Shape (hidden size): outputs of the layer before the classifier, where there is one."""


def importance(model: Any, rows: Taught, kind: Importance, *, batch_size: int) -> Scores:
    """Scores of every part of ``model``, from up to 640 of the rows; ``magnitude`` reads none.

    ``taylor`` is the first-order change of the loss when an activation is removed, ``|a dL/da|``:
    neurons and hidden channels token by token (Molchanov et al. 2017, "Pruning Convolutional
    Neural Networks for Resource Efficient Inference", equation 7), heads row by row (Michel et al.
    2019, "Are Sixteen Heads Really Better than One?", equation 2), and layers likewise by what
    they add to the hidden state. The loss is ``rows.surprise``: the divergence from the teacher's
    answers has no gradient where the model is the teacher itself.

    ``activation`` is the size of what passes: the mean of ``|a|`` for neurons and hidden channels,
    the L2 norm for heads (Muralidharan et al. 2024, "Compact Language Models via Pruning and
    Knowledge Distillation", section 2.2), and for layers one minus the cosine between the hidden
    states before and after (Men et al. 2024, "ShortGPT", equation 1).
    """
    if kind == "magnitude":
        return magnitude(model)
    import torch

    gradients = kind == "taylor"
    with _watched(model, gradients=gradients) as spots:
        for batch in _batches(rows, batch_size):
            mask = batch["attention_mask"].unsqueeze(-1).to(model.device)
            loss: Any = rows.surprise(model, to_device(batch, model.device))
            if gradients:
                # A mean over rows, of which the last batch may have fewer.
                (loss * len(mask)).backward()
            for spot in itertools.chain(*spots.values()):
                spot.add(mask)
    totals = {name: [spot.total for spot in places] for name, places in spots.items()}
    return Scores(
        totals["neurons"],
        totals["heads"],
        sum(totals["hidden"]),
        torch.stack(totals["layers"]),
        *totals.get("pooler", ()),
    )


def magnitude(model: Any) -> Scores:
    """The L2 norm of all weights that go with a part, as a group.

    Fang et al. 2023, "DepGraph: Towards Any Structural Pruning", section 3.3; for whole layers Kim
    et al. 2024, "Shortened LLaMA", section 3.1.
    """
    import torch

    family = family_of(model.config.model_type, where="the model")
    heads = getattr(model.config, family.heads_key)
    hidden = _columns(model.get_input_embeddings())
    of_neurons, of_heads, of_layers = [], [], []
    with torch.no_grad():
        for layer in layers_of(model):
            widen = [layer.get_submodule(path) for path in family.widen]
            query, key, value = (layer.get_submodule(path) for path in family.project)
            narrow, merge = layer.get_submodule(family.narrow), layer.get_submodule(family.merge)
            of_neurons.append((sum(map(_rows, widen)) + _columns(narrow)).sqrt())
            own = (_rows(query) + _columns(merge)).reshape(heads, -1).sum(dim=1)
            shared = (_rows(key) + _rows(value)).reshape(-1, _rows(query).numel() // heads)
            group = heads // len(shared)
            of_heads.append((own + shared.sum(dim=1).repeat_interleave(group)).sqrt())
            hidden = hidden + sum(map(_columns, (*widen, query, key, value)))
            hidden = hidden + _rows(narrow) + _rows(merge)
            of_layers.append(sum(weights.square().sum() for weights in layer.parameters()).sqrt())
        pooler = _rows(model.get_submodule(family.pooler)).sqrt() if family.pooler else None
        return Scores(of_neurons, of_heads, hidden.sqrt(), torch.stack(of_layers), pooler)


def _rows(module: Any) -> Any:
    return module.weight.detach().square().sum(dim=1)


def _columns(module: Any) -> Any:
    return module.weight.detach().square().sum(dim=0)


def _batches(rows: Taught, size: int) -> Iterator[dict[str, Any]]:
    chosen = some(range(len(rows)), ROWS)
    for start in range(0, len(chosen), size):
        yield rows.collate([rows[row] for row in chosen[start : start + size]])


@contextlib.contextmanager
def _watched(model: Any, *, gradients: bool) -> Iterator[dict[str, list[Spot]]]:
    """Spots that keep what passes; gradients reach activations alone, no weights."""
    trained = [weights for weights in model.parameters() if weights.requires_grad]
    was_training = model.training
    model.eval().requires_grad_(False)
    if gradients:
        model.enable_input_require_grads()
    spots = spots_of(model)
    hooks = [
        hook
        for spot in itertools.chain(*spots.values())
        for hook in spot.watch(gradients=gradients)
    ]
    try:
        yield spots
    finally:
        for hook in hooks:
            hook.remove()
        if gradients:
            model.disable_input_require_grads()
        for weights in trained:
            weights.requires_grad_(True)
        model.train(was_training)
