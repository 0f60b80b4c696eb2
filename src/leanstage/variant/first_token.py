"""The last layer for the one token that the head reads.

A classifier of the families here decides by the first token alone. The last layer's queries, its
projection of what the heads found and its feed-forward part are then needed for that token and no
other: five sixths of its multiplications, and the answer is the same.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from leanstage.variant.architectures import Family, family_of, layers_of


@contextmanager
def first_token_only(model: Any) -> Iterator[None]:
    """Within the block the last layer of ``model`` (a transformers classifier) computes no more.

    It gives hidden states of shape (rows, 1, hidden size).
    """
    family = family_of(model.config.model_type, where="the model")
    layer = layers_of(model)[-1]
    # Named after its module, the attention's part of a graph is known as that.
    attention = layer.get_submodule(family.project[0].partition(".")[0])
    attention.forward = partial(
        _attend, layer, family, int(getattr(model.config, family.heads_key))
    )
    layer.forward = partial(_answer, layer, family, attention)
    try:
        yield
    finally:
        del layer.forward, attention.forward


def _answer(
    layer: Any,
    family: Family,
    attention: Any,
    hidden: Any,
    mask: Any = None,
    bias: Any = None,
    *_: Any,
    **__: Any,
) -> Any:
    """Attention and feed-forward part, each added to its input and normalized.

    Args:
        hidden: shape (rows, tokens, hidden size).
        mask: added to the scores; shape (rows or 1, 1, 1 or tokens, tokens).
        bias: of positions, where the family has them here; (rows, heads, tokens, tokens).
    """
    attended, answered = (layer.get_submodule(path) for path in family.norms)
    (widen,) = family.widen
    between = attended(hidden[:, :1] + attention(hidden, mask, bias))
    wide = layer.get_submodule(family.activation)(layer.get_submodule(widen)(between))
    given = answered(between + layer.get_submodule(family.narrow)(wide))
    return (given,) if family.layer_gives_tuple else given


def _attend(layer: Any, family: Family, heads: int, hidden: Any, mask: Any, bias: Any) -> Any:
    """What the heads find for the first token, projected back; shape (rows, 1, hidden size)."""
    query, key, value = (layer.get_submodule(path) for path in family.project)

    def by_head(projected: Any) -> Any:
        size = projected.shape[-1] // heads
        return projected.view(hidden.shape[0], -1, heads, size).transpose(1, 2)

    queries = by_head(query(hidden[:, :1]))
    scores = queries @ by_head(key(hidden)).transpose(-1, -2) / queries.shape[-1] ** 0.5
    for term in (bias, mask):
        if term is not None:
            scores = scores + term[:, :, :1]
    found = scores.softmax(dim=-1) @ by_head(value(hidden))
    return layer.get_submodule(family.merge)(found.transpose(1, 2).flatten(2))
