"""What a student learns from: rows with the teacher's answers, whatever the task."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from numpy.typing import NDArray

from leanstage.techniques.recipe import Recipe

if TYPE_CHECKING:
    import numpy as np
    import torch


class Taught(Protocol):
    """A dataset of Trainer that knows its batches and what the student is to come close to."""

    @property
    def teacher_digest(self) -> str:
        """Content digest of the teacher whose answers these are."""
        ...

    @property
    def lengths(self) -> list[int]:
        """Tokens of every row."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, row: int) -> dict[str, Any]: ...

    def collate(self, rows: Sequence[dict[str, Any]]) -> "dict[str, torch.Tensor]":
        """One batch of :meth:`__getitem__`'s rows."""
        ...

    def loss(self, model: Any, batch: "dict[str, torch.Tensor]", recipe: Recipe) -> Any:
        """``(loss, the model's own answer)`` on a batch of :meth:`collate`."""
        ...

    def surprise(self, model: Any, batch: "dict[str, torch.Tensor]") -> "torch.Tensor":
        """Mean cross-entropy of one right answer each, for importance.

        It has a gradient also for the teacher itself, whose distance from its own answers has
        none.
        """
        ...

    def identity(self) -> Any:
        """What names these rows, for JSON: the same text in the same order gives the same."""
        ...

    def arrays(self) -> "dict[str, NDArray[np.generic]]":
        """Plain arrays by name, ``kind`` among them, from which :func:`taught_of` makes it anew."""
        ...


def taught_of(arrays: "Mapping[str, NDArray[np.generic]]") -> Taught:
    """The rows that :meth:`Taught.arrays` took apart."""
    from leanstage.techniques.data import TaughtRows
    from leanstage.techniques.generation import TaughtTokens

    if str(arrays["kind"]) == "generation":
        return TaughtTokens.of_arrays(arrays)
    return TaughtRows.of_arrays(arrays)
