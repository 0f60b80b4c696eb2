"""How the inside of a student is held against that of its teacher: which layers, by which means."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from leanstage.errors import InputError
from leanstage.techniques.recipe import Recipe
from leanstage.techniques.spread import spread
from leanstage.techniques.states import States
from leanstage.variant.architectures import family_of, layers_of

if TYPE_CHECKING:
    import torch

PROJECTION = "leanstage_projection"
"""Name of the module that takes a student's hidden states to its teacher's width."""


def check_states(width: int, states: States | None, recipe: Recipe) -> None:
    """Make sure that the losses of ``recipe`` can be computed, before a training starts.

    Args:
        width: hidden size of the student.

    Raises:
        InputError: the teacher's hidden states that they are made of were not kept, or relation
            heads that do not divide the widths.
    """
    for name, weight, kept in (
        ("hidden_weight", recipe.hidden_weight, states is not None and states.hidden),
        ("attention_weight", recipe.attention_weight, states is not None and states.related >= 0),
    ):
        if weight > 0 and not kept:
            raise InputError(
                f"the recipe has a {name} of {weight:g}, and the teacher's hidden states for it "
                "are not at hand: they are kept where the plan asks for them, and only for "
                "students with the teacher's tokenizer; set it to 0 or let the teacher answer anew."
            )
    if states is not None and recipe.attention_weight > 0:
        relation_heads(width, states, recipe)


def relation_heads(width: int, states: States, recipe: Recipe) -> int:
    """How many heads relations are split into; by default as many as the teacher has.

    Where these do not divide the student's ``width``, it is their greatest common divisor.

    Raises:
        InputError: the number that ``recipe`` names does not divide both widths.
    """
    if recipe.relation_heads is None:
        return math.gcd(states.heads, width)
    for whose, value in (("teacher", states.width), ("student", width)):
        if value % recipe.relation_heads:
            raise InputError(
                f"{recipe.relation_heads} relation heads do not divide the hidden size {value} of "
                f"the {whose}; set relation_heads to a divisor, or leave it out."
            )
    return recipe.relation_heads


@contextmanager
def projection(student: Any, states: States | None, recipe: Recipe) -> Iterator[None]:
    """Let ``student`` carry a linear map to its teacher's width while it is trained.

    Only where hidden states are compared and the widths differ. As a part of the model it is
    optimized with it and stands in its checkpoints; afterwards it is dropped.
    """
    import torch

    width = student.get_input_embeddings().embedding_dim
    if states is None or recipe.hidden_weight == 0 or states.width == width:
        yield
        return
    module = torch.nn.Linear(width, states.width, bias=False)
    start = torch.Generator().manual_seed(recipe.seed)
    torch.nn.init.normal_(module.weight, std=width**-0.5, generator=start)
    student.add_module(PROJECTION, module.to(student.device))
    try:
        yield
    finally:
        delattr(student, PROJECTION)


@contextmanager
def watched(student: Any, recipe: Recipe) -> "Iterator[list[torch.Tensor]]":
    """Collect queries, keys and values of the last layer, where ``recipe`` compares relations."""
    seen: list[torch.Tensor] = []
    hooks = []
    if recipe.attention_weight > 0:
        family = family_of(student.config.model_type, where="the student")
        last = layers_of(student)[-1]
        for path in family.project:
            module = last.get_submodule(path)
            hooks.append(module.register_forward_hook(lambda _, __, out: seen.append(out)))
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def inner_loss(
    student: Any,
    states: States,
    batch: "dict[str, torch.Tensor]",
    recipe: Recipe,
    hidden: "tuple[torch.Tensor, ...] | None",
    seen: "list[torch.Tensor]",
) -> "torch.Tensor | float":
    """What hidden states and relations add to the loss, shape (rows,).

    Args:
        batch: the teacher's ``states``, shape (rows, tokens, planes, width), and their ``kept``
            mask, shape (rows, tokens).
        hidden: the student's hidden states, embeddings first; None where they do not count.
        seen: its queries, keys and values, as :func:`watched` collected them.
    """
    from leanstage.techniques.losses import hidden_loss, relation_loss

    given, mask = batch["states"], batch["kept"]
    tokens = mask.shape[1]
    loss: torch.Tensor | float = 0.0
    if recipe.hidden_weight > 0 and hidden is not None:
        own = [state[:, :tokens].float() for state in hidden[1:]]
        if hasattr(student, PROJECTION):
            own = [getattr(student, PROJECTION)(state).float() for state in own]
        layers = spread(len(own), states.layers)
        taught = [states.plane(given, layer + 1) for layer in layers]
        loss = loss + recipe.hidden_weight * hidden_loss(own, taught, mask)
    if recipe.attention_weight > 0:
        heads = relation_heads(student.get_input_embeddings().embedding_dim, states, recipe)
        vectors = [part[:, :tokens].float() for part in seen]
        relations = relation_loss(vectors, states.projected(given), mask, heads)
        loss = loss + recipe.attention_weight * relations
    return loss
