"""Windows of tokens with what the teacher would have said after each: computed once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from leanstage.techniques.data import pad
from leanstage.techniques.precision import bf16_is_faster
from leanstage.techniques.recipe import Recipe

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, eq=False)
class TaughtTokens:
    """Text to learn to write.

    What comes next is learnt at every token from the one before ``starts`` on, what is before that
    is context, as a prompt is. After its last token too, where no text is left to be right: a
    teacher that was taught to end there says so, and a student that never hears it writes on. Of
    the teacher's answer at each of the ``n`` places, all windows together, the last hidden state is
    kept: with its output embedding it gives the distribution over the whole vocabulary at any
    temperature.

    Attributes:
        ids: tokens of every window.
        starts: position of the first token to learn in each window, at least 1.
        hidden: float16 of shape (n, width); what the teacher's answers follow from.
        head: the teacher's output embedding, float16 of shape (vocabulary, width).
    """

    ids: list[list[int]]
    starts: list[int]
    hidden: NDArray[np.float16]
    head: NDArray[np.float16]
    pad_id: int
    teacher_digest: str
    _heads: "dict[Any, torch.Tensor]" = field(default_factory=dict, init=False, repr=False)

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, row: int) -> dict[str, Any]:
        return {
            "input_ids": self.ids[row],
            "start": self.starts[row],
            "hidden": self.hidden[self.ends[row] : self.ends[row + 1]],
        }

    @cached_property
    def ends(self) -> list[int]:
        """Where the places of a window end among those of all, after a zero."""
        places = [len(ids) - start + 1 for ids, start in zip(self.ids, self.starts, strict=True)]
        return [0, *np.cumsum(places).tolist()]

    @property
    def lengths(self) -> list[int]:
        """Tokens of every window."""
        return [len(row) for row in self.ids]

    def collate(self, rows: Sequence[dict[str, Any]]) -> "dict[str, torch.Tensor]":
        """Padded windows, and what the teacher said at all their places in a row.

        ``truth`` are the tokens that came next there, -1 where a window ends.
        """
        import torch

        batch = pad([row["input_ids"] for row in rows], self.pad_id)
        batch["learnt"] = torch.zeros_like(batch["input_ids"], dtype=torch.bool)
        truth: list[int] = []
        for number, row in enumerate(rows):
            batch["learnt"][number, row["start"] - 1 : len(row["input_ids"])] = True
            truth += [*row["input_ids"][row["start"] :], -1]
        batch["truth"] = torch.tensor(truth)
        batch["hidden"] = torch.from_numpy(np.concatenate([row["hidden"] for row in rows]))
        return batch

    def loss(self, model: Any, batch: "dict[str, torch.Tensor]", recipe: Recipe) -> Any:
        """``(loss, answer)``: the distance from the teacher, and from the text, a place.

        A mean over all places of all windows, not over those of the batch: a place then weighs the
        same whatever stands beside it, in however many parts the batch is gathered.
        """
        from leanstage.techniques.losses import distillation_loss, with_truth

        hidden, truth = batch.pop("hidden"), batch.pop("truth")
        logits, answer = _said(model, batch)
        loss = distillation_loss(logits, self.teacher_logits(hidden), recipe.temperature)
        if recipe.truth_weight > 0:
            loss = with_truth(loss, logits, truth, recipe.truth_weight)
        return loss.sum() / self._usual(batch), answer

    def surprise(self, model: Any, batch: "dict[str, torch.Tensor]") -> "torch.Tensor":
        """Cross-entropy of the text, a place: what the teacher wrote or was given to read."""
        from torch.nn.functional import cross_entropy

        truth = batch.pop("truth")
        del batch["hidden"]
        logits, _ = _said(model, batch)
        return cross_entropy(logits, truth, ignore_index=-1, reduction="sum") / self._usual(batch)

    def _usual(self, batch: "dict[str, torch.Tensor]") -> float:
        """Places of as many windows as the batch has, of the usual length."""
        return len(batch["input_ids"]) * self.ends[-1] / len(self)

    def teacher_logits(self, hidden: "torch.Tensor") -> "torch.Tensor":
        """The teacher's logits, float32 of shape (tokens, vocabulary)."""
        import torch

        device = hidden.device
        if device not in self._heads:
            kind = torch.bfloat16 if bf16_is_faster(device.type) else torch.float32
            self._heads[device] = torch.from_numpy(np.array(self.head)).to(device, kind)
        head = self._heads[device]
        with torch.no_grad():
            return (hidden.to(head.dtype) @ head.T).float()

    def identity(self) -> Any:
        """The tokens of every window, and where learning begins."""
        return [self.ids, self.starts]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The windows as plain arrays by name; ids of all in one, split by ``lengths``."""
        return {
            "kind": np.array("generation"),
            "lengths": np.array(self.lengths),
            "ids": np.concatenate([np.array(row, dtype=np.int32) for row in self.ids]),
            "starts": np.array(self.starts),
            "hidden": self.hidden,
            "head": self.head,
            "pad_id": np.array(self.pad_id),
            "teacher_digest": np.array(self.teacher_digest),
        }

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "TaughtTokens":
        """The windows that :meth:`arrays` took apart."""
        pieces = np.split(np.asarray(arrays["ids"]), np.cumsum(arrays["lengths"])[:-1])
        return cls(
            [piece.tolist() for piece in pieces],
            arrays["starts"].tolist(),
            arrays["hidden"],
            arrays["head"],
            int(arrays["pad_id"]),
            str(arrays["teacher_digest"]),
        )


def _said(model: Any, batch: "dict[str, torch.Tensor]") -> "tuple[torch.Tensor, Any]":
    """The model's logits at the places of a batch, shape (places, vocabulary); its whole answer."""
    learnt = batch.pop("learnt")
    answer = model(**batch, use_cache=False)
    return answer.logits[learnt].float(), answer
