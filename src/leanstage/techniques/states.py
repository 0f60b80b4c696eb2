"""What went on inside the teacher: hidden states of the rows, kept in float16 on disk."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from leanstage.errors import InputError
from leanstage.techniques.room import room
from leanstage.techniques.spread import spread
from leanstage.variant.architectures import family_of, layers_of

if TYPE_CHECKING:
    import torch

LIMIT_BYTES = 4 * 1024**3
"""Of all hidden states together; see :func:`kept_tokens`."""
LEAST_TOKENS = 8
"""Relations among fewer tokens than these say little."""


@dataclass(frozen=True)
class Wanted:
    """Which hidden states the losses of a plan are made of.

    ``relations_of`` is the layer whose attention relations are to be learnt, counted from the top:
    1 is the last.
    """

    hidden: bool = False
    relations_of: int | None = None

    def planes(self, layers: int) -> tuple[int, ...]:
        """The hidden states to keep of a teacher: 0 is the embeddings, ``n`` that of layer ``n``.

        Relations are made anew from what their layer was given, by the teacher's projections: one
        state to keep instead of queries, keys and values.

        Raises:
            InputError: the teacher has no such layer.
        """
        wanted = set(range(1, layers + 1)) if self.hidden else set()
        if self.relations_of is not None:
            if self.relations_of > layers:
                raise InputError(
                    f"the plan asks for the attention relations of layer {self.relations_of} from "
                    f"the top, and the teacher has {layers} layers; set relation_layer to at most "
                    "that."
                )
            wanted.add(layers - self.relations_of)
        return tuple(sorted(wanted))


@dataclass(frozen=True, eq=False)
class States:
    """Hidden states of the first tokens of every row.

    Attributes:
        values: float16 of shape (tokens of all rows, planes, width).
        counts: tokens kept of each row.
        planes: which hidden state each is: 0 the embeddings, ``n`` that of layer ``n``.
        layers: of the teacher.
        weights: of the queries, keys and values whose relations are learnt, shape
            (3, width, width); empty where none are.
        biases: shape (3, width).
        related: the plane that they are computed from, among ``planes``; -1 where none is.
        heads: attention heads of the teacher.
    """

    values: NDArray[np.float16]
    counts: NDArray[np.int64]
    planes: tuple[int, ...]
    layers: int
    weights: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 0, 0), np.float32))
    biases: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    related: int = -1
    heads: int = 1

    @property
    def width(self) -> int:
        """The teacher's hidden size."""
        return int(self.values.shape[2])

    @property
    def hidden(self) -> bool:
        """Whether the states of every layer are there."""
        return set(self.planes) >= set(range(1, self.layers + 1))

    @cached_property
    def _ends(self) -> NDArray[np.int64]:
        return np.concatenate([[0], np.cumsum(self.counts)])

    def __getitem__(self, row: int) -> NDArray[np.float16]:
        """States of one row, shape (tokens kept, planes, width)."""
        return self.values[self._ends[row] : self._ends[row + 1]]

    def put(self, row: int, states: "torch.Tensor") -> None:
        """Keep the states of one row, shape (tokens, planes, width)."""
        kept = states[: self.counts[row]].half().cpu().numpy()
        if not np.isfinite(kept).all():
            raise InputError(
                f"the teacher's hidden states of row {row + 1} do not fit into float16; set "
                "hidden_weight and attention_weight to 0 for this model."
            )
        self.values[self._ends[row] : self._ends[row + 1]] = kept

    def plane(self, states: "torch.Tensor", number: int) -> "torch.Tensor":
        """Hidden state ``number`` out of a batch of shape (rows, tokens, planes, width)."""
        return states[:, :, self.planes.index(number)].float()

    def projected(self, states: "torch.Tensor") -> "list[torch.Tensor]":
        """Queries, keys and values of a batch, each of shape (rows, tokens, width)."""
        import torch
        from torch.nn.functional import linear

        given = self.plane(states, self.related)
        parts = [torch.from_numpy(part).to(given.device) for part in (self.weights, self.biases)]
        return [linear(given, weight, bias) for weight, bias in zip(*parts, strict=True)]

    def identity(self) -> list[Any]:
        """What names these states, for JSON: their planes, what relations are of, their tokens."""
        return [list(self.planes), self.related, self.counts.tolist()]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """As plain arrays by name."""
        return {
            "states": self.values,
            "state_counts": self.counts,
            "state_planes": np.array([self.layers, self.related, self.heads, *self.planes]),
            "state_weights": self.weights,
            "state_biases": self.biases,
        }

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "States | None":
        """The states that :meth:`arrays` took apart; None where there are none."""
        if "states" not in arrays:
            return None
        layers, related, heads, *planes = arrays["state_planes"].tolist()
        return cls(
            arrays["states"],
            np.asarray(arrays["state_counts"]),
            tuple(planes),
            layers,
            np.asarray(arrays["state_weights"]),
            np.asarray(arrays["state_biases"]),
            related,
            heads,
        )


def room_for(teacher: Any, lengths: Sequence[int], wanted: Wanted) -> States | None:
    """Empty states for rows of these lengths, in a file that vanishes with the process.

    Raises:
        InputError: the disk is too full, or the teacher lacks a layer that is wanted.
    """
    layers = len(layers_of(teacher))
    planes = wanted.planes(layers)
    if not planes:
        return None
    width = teacher.get_input_embeddings().embedding_dim
    counts = kept_tokens(lengths, len(planes) * width * np.dtype(np.float16).itemsize)
    shape = (int(counts.sum()), len(planes), width)
    what = f"what goes on inside the teacher at {shape[0]:,} tokens"
    values = room(shape, what, "set hidden_weight and attention_weight to 0")
    if wanted.relations_of is None:
        return States(values, counts, planes, layers)
    family = family_of(teacher.config.model_type, where="the teacher")
    layer = layers_of(teacher)[layers - wanted.relations_of]
    project = [layer.get_submodule(path) for path in family.project]
    return States(
        values,
        counts,
        planes,
        layers,
        np.stack([part.weight.detach().float().cpu().numpy() for part in project]),
        np.stack([part.bias.detach().float().cpu().numpy() for part in project]),
        layers - wanted.relations_of,
        getattr(teacher.config, family.heads_key),
    )


def kept_tokens(lengths: Sequence[int], token_bytes: int) -> NDArray[np.int64]:
    """How many tokens to keep of each row: all, or as many first ones as the limit has room for.

    Where it has no room for eight of every row, eight of as many rows as it has, from all over; the
    others have none, and are learnt from what the teacher answers alone.
    """
    counts, longest = np.array(lengths), max(lengths)
    while longest > LEAST_TOKENS and _bytes(np.minimum(counts, longest), token_bytes) > LIMIT_BYTES:
        longest -= 1
    kept: NDArray[np.int64] = np.minimum(counts, longest)
    if _bytes(kept, token_bytes) > LIMIT_BYTES:
        chosen = spread(LIMIT_BYTES // (LEAST_TOKENS * token_bytes), len(kept))
        kept = np.where(np.isin(np.arange(len(kept)), chosen), kept, 0)
    return kept


def _bytes(counts: NDArray[np.int64], token_bytes: int) -> int:
    return int(counts.sum()) * token_bytes
