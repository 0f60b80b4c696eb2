"""Which feed-forward neurons the answers depend on."""

from typing import Any

from leanstage.techniques.data import to_device
from leanstage.techniques.recipe import Recipe
from leanstage.techniques.taught import Taught
from leanstage.variant.architectures import family_of, layers_of

ROWS = 640
BATCH_SIZE = 32


def neuron_importance(model: Any, rows: Taught, recipe: Recipe) -> list[Any]:
    """First-order Taylor importance of every feed-forward neuron: one tensor (width) a layer.

    The change of the loss when an activation ``a`` is removed is ``|a * dloss/da|`` to first order
    (Molchanov et al. 2017, "Pruning Convolutional Neural Networks for Resource Efficient
    Inference", equation 7), summed here over the tokens of 640 rows. The loss is that of ``recipe``
    against the teacher's answers. It costs one pass and, unlike the norm of the weights, sees which
    neurons the data uses.
    """
    family = family_of(model.config.model_type, where="the model")
    narrow = [layer.get_submodule(family.narrow) for layer in layers_of(model)]
    kept: dict[int, Any] = {}

    def keep(module: Any, inputs: tuple[Any, ...]) -> None:
        inputs[0].retain_grad()
        kept[id(module)] = inputs[0]

    scores = [module.weight.new_zeros(module.in_features) for module in narrow]
    hooks = [module.register_forward_pre_hook(keep) for module in narrow]
    model.eval()
    try:
        stride = max(1, len(rows) // ROWS)
        chosen = list(range(0, len(rows), stride))[:ROWS]
        for start in range(0, len(chosen), BATCH_SIZE):
            batch = rows.collate([rows[row] for row in chosen[start : start + BATCH_SIZE]])
            loss, _ = rows.loss(model, to_device(batch, model.device), recipe)
            loss.backward()
            for score, module in zip(scores, narrow, strict=True):
                activation = kept[id(module)]
                score += (activation * activation.grad).detach().abs().sum(dim=(0, 1))
            model.zero_grad()
    finally:
        for hook in hooks:
            hook.remove()
    return scores
