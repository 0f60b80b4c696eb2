"""Token ids with the teacher's answers beside them: computed once, used every epoch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from leanstage.contracts import DistillSettings, PruneSettings
from leanstage.techniques.matching import inner_loss, watched
from leanstage.techniques.recipe import Recipe
from leanstage.techniques.states import States
from leanstage.techniques.taught import Taught
from leanstage.variant import Variant
from leanstage.variant.tokens import TextEncoder

if TYPE_CHECKING:
    import torch

Settings = TypeVar("Settings", DistillSettings, PruneSettings)

_TOLD = ("teacher_logits", "labels", "states", "kept")


@dataclass(frozen=True, eq=False)
class TaughtRows:
    """Rows to learn from.

    ``logits`` are the teacher's, of shape (rows, classes); ``labels`` class indices of shape
    (rows,), -1 where a row has none, None where no row has one; ``states`` the teacher's hidden
    states, where losses need them. Rows ``apart`` were read by another tokenizer than the
    teacher's: its states have no counterpart there.
    """

    ids: list[list[int]]
    logits: "torch.Tensor"
    pad_id: int
    teacher_digest: str
    labels: "torch.Tensor | None" = None
    states: States | None = None
    apart: bool = False

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, row: int) -> dict[str, Any]:
        found = {"input_ids": self.ids[row], "teacher_logits": self.logits[row]}
        if self.labels is not None:
            found["labels"] = self.labels[row]
        if self.states is not None:
            found["states"] = self.states[row]
        return found

    @property
    def lengths(self) -> list[int]:
        """Tokens of every row."""
        return [len(row) for row in self.ids]

    def collate(self, rows: Sequence[dict[str, Any]]) -> "dict[str, torch.Tensor]":
        """One padded batch."""
        import torch

        batch = pad([row["input_ids"] for row in rows], self.pad_id)
        for name in ("teacher_logits", "labels"):
            if name in rows[0]:
                batch[name] = torch.stack([row[name] for row in rows])
        if self.states is not None:
            batch["states"], batch["kept"] = _pad_states([row["states"] for row in rows])
        return batch

    def loss(self, model: Any, batch: "dict[str, torch.Tensor]", recipe: Recipe) -> Any:
        """``(loss, answer)``: the distance from what the teacher said, and from the truth."""
        from leanstage.techniques.losses import distillation_loss, with_truth

        told = {name: batch.pop(name) for name in _TOLD if name in batch}
        student = getattr(model, "module", model)
        with watched(student, recipe) as seen:
            answer = model(**batch, output_hidden_states=recipe.hidden_weight > 0)
        logits = answer.logits.float()
        loss = distillation_loss(logits, told["teacher_logits"], recipe.temperature)
        if recipe.truth_weight > 0 and "labels" in told:
            loss = with_truth(loss, logits, told["labels"], recipe.truth_weight)
        if self.states is not None:
            hidden = answer.hidden_states
            loss = loss + inner_loss(student, self.states, told, recipe, hidden, seen)
        return loss.mean(), answer

    def surprise(self, model: Any, batch: "dict[str, torch.Tensor]") -> "torch.Tensor":
        """Mean cross-entropy of the class that the teacher finds likeliest."""
        from torch.nn.functional import cross_entropy

        told = {name: batch.pop(name) for name in _TOLD if name in batch}
        return cross_entropy(model(**batch).logits.float(), told["teacher_logits"].argmax(dim=-1))

    def without_states(self) -> "TaughtRows":
        """The same rows with what the teacher said alone."""
        return replace(self, states=None)

    def read_by(self, variant: Variant, texts: Sequence[str]) -> "TaughtRows":
        """The same rows as another tokenizer reads them; hidden states then have no counterpart.

        Args:
            texts: of the rows, in their order.
        """
        encoder = TextEncoder(variant.path, variant.manifest.max_length)
        return replace(self, ids=encoder.ids(texts), pad_id=encoder.pad_id, states=None, apart=True)

    def identity(self) -> Any:
        """The token ids, row by row, the labels, and which states of which tokens were kept."""
        labels = None if self.labels is None else self.labels.tolist()
        return [self.ids, labels, None if self.states is None else self.states.identity()]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The rows as plain arrays by name; ids of all rows in one, split by ``lengths``."""
        arrays: dict[str, NDArray[Any]] = {
            "kind": np.array("classification"),
            "lengths": np.array(self.lengths),
            "ids": np.concatenate([np.array(row, dtype=np.int32) for row in self.ids]),
            "logits": self.logits.numpy(),
            "pad_id": np.array(self.pad_id),
            "teacher_digest": np.array(self.teacher_digest),
            "apart": np.array(self.apart),
        }
        if self.labels is not None:
            arrays["labels"] = self.labels.numpy()
        if self.states is not None:
            arrays |= self.states.arrays()
        return arrays

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "TaughtRows":
        """The rows that :meth:`arrays` took apart."""
        import torch

        pieces = np.split(np.asarray(arrays["ids"]), np.cumsum(arrays["lengths"])[:-1])
        return cls(
            [piece.tolist() for piece in pieces],
            torch.tensor(arrays["logits"]),
            int(arrays["pad_id"]),
            str(arrays["teacher_digest"]),
            torch.tensor(arrays["labels"]) if "labels" in arrays else None,
            States.of_arrays(arrays),
            bool(arrays["apart"]),
        )


def within_reach(settings: Settings, rows: Taught) -> Settings:
    """The settings with the losses that these rows allow.

    All of them, or those on answers and truth alone where another tokenizer read the rows.
    """
    if not isinstance(rows, TaughtRows) or not rows.apart:
        return settings
    return settings.model_copy(update={"hidden_weight": 0.0, "attention_weight": 0.0})


def _pad_states(rows: Sequence[NDArray[np.float16]]) -> "tuple[torch.Tensor, torch.Tensor]":
    """States of shape (rows, most tokens, planes, width), and a mask of the tokens that are."""
    import torch

    longest = max(1, *map(len, rows))
    states = np.zeros((len(rows), longest, *rows[0].shape[1:]), np.float16)
    mask = np.zeros((len(rows), longest), np.int64)
    for number, row in enumerate(rows):
        states[number, : len(row)] = row
        mask[number, : len(row)] = 1
    return torch.from_numpy(states), torch.from_numpy(mask)


def pad(rows: Sequence[list[int]], pad_id: int) -> dict[str, "torch.Tensor"]:
    """``input_ids`` and ``attention_mask``, each of shape (rows, longest row)."""
    import torch

    width = max(len(row) for row in rows)
    ids = torch.full((len(rows), width), pad_id, dtype=torch.long)
    mask = torch.zeros((len(rows), width), dtype=torch.long)
    for number, row in enumerate(rows):
        ids[number, : len(row)] = torch.tensor(row)
        mask[number, : len(row)] = 1
    return {"input_ids": ids, "attention_mask": mask}


def to_device(batch: dict[str, "torch.Tensor"], device: Any) -> dict[str, "torch.Tensor"]:
    """The batch on ``device``."""
    return {name: tensor.to(device) for name, tensor in batch.items()}
