"""Token ids with the teacher's answers beside them: computed once, used every epoch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from leanstage import progress
from leanstage.techniques.recipe import Recipe
from leanstage.variant import Variant
from leanstage.variant.hardware import device_type, supports_bf16
from leanstage.variant.tokens import TextEncoder

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class TaughtRows:
    """Rows to learn from.

    ``logits`` has shape (rows, classes), ``hidden`` (rows, width): the teacher's last hidden
    state at the first token. Labels are not needed: the teacher has spoken.
    """

    ids: list[list[int]]
    logits: "torch.Tensor"
    hidden: "torch.Tensor"
    pad_id: int
    teacher_digest: str

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, row: int) -> dict[str, Any]:
        return {
            "input_ids": self.ids[row],
            "teacher_logits": self.logits[row],
            "teacher_hidden": self.hidden[row],
        }

    @property
    def lengths(self) -> list[int]:
        """Tokens of every row."""
        return [len(row) for row in self.ids]

    def collate(self, rows: Sequence[dict[str, Any]]) -> "dict[str, torch.Tensor]":
        """One padded batch."""
        import torch

        batch = pad([row["input_ids"] for row in rows], self.pad_id)
        for name in ("teacher_logits", "teacher_hidden"):
            batch[name] = torch.stack([row[name] for row in rows])
        return batch

    def loss(self, model: Any, batch: "dict[str, torch.Tensor]", recipe: Recipe) -> Any:
        """``(loss, answer)``: the distance from the teacher's cached answers."""
        import torch.nn.functional as functional

        from leanstage.techniques.losses import distillation_loss

        teacher_logits = batch.pop("teacher_logits")
        teacher_hidden = batch.pop("teacher_hidden")
        answer = model(**batch, output_hidden_states=recipe.hidden_weight > 0)
        loss = distillation_loss(answer.logits.float(), teacher_logits, recipe.temperature)
        if recipe.hidden_weight > 0:
            hidden = answer.hidden_states[-1][:, 0].float()
            loss = loss + recipe.hidden_weight * functional.mse_loss(hidden, teacher_hidden)
        return loss, answer

    def identity(self) -> Any:
        """The token ids, row by row."""
        return self.ids

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """The rows as plain arrays by name; ids of all rows in one, split by ``lengths``."""
        return {
            "kind": np.array("classification"),
            "lengths": np.array(self.lengths),
            "ids": np.concatenate([np.array(row, dtype=np.int32) for row in self.ids]),
            "logits": self.logits.numpy(),
            "hidden": self.hidden.numpy(),
            "pad_id": np.array(self.pad_id),
            "teacher_digest": np.array(self.teacher_digest),
        }

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> "TaughtRows":
        """The rows that :meth:`arrays` took apart."""
        import torch

        pieces = np.split(arrays["ids"], np.cumsum(arrays["lengths"])[:-1])
        return cls(
            [piece.tolist() for piece in pieces],
            torch.from_numpy(arrays["logits"]),
            torch.from_numpy(arrays["hidden"]),
            int(arrays["pad_id"]),
            str(arrays["teacher_digest"]),
        )


def teach(teacher: Variant, texts: Sequence[str], *, batch_size: int = 64) -> TaughtRows:
    """Let the teacher answer every text once."""
    import torch

    from leanstage.variant.checkpoint import load_checkpoint

    encoder = TextEncoder(teacher.path, teacher.manifest.max_length)
    model: Any = load_checkpoint(teacher.path)
    model.to(device_type())
    ids = encoder.ids(texts)
    logits = torch.zeros(len(ids), model.config.num_labels)
    hidden = torch.zeros(len(ids), model.config.hidden_size)
    # Rows of like length together: padding is work that teaches nothing.
    order = sorted(range(len(ids)), key=lambda row: len(ids[row]))
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        batch = pad([ids[row] for row in rows], encoder.pad_id)
        with torch.inference_mode(), mixed_precision(model.device.type):
            answer = model(**to_device(batch, model.device), output_hidden_states=True)
        logits[rows] = answer.logits.float().cpu()
        hidden[rows] = answer.hidden_states[-1][:, 0].float().cpu()
        if start // batch_size % 20 == 0:
            progress.step("the teacher answers the training rows", start / len(order))
    return TaughtRows(ids, logits, hidden, encoder.pad_id, teacher.digest)


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


def mixed_precision(device_type: str) -> Any:
    """bfloat16 autocast where the hardware computes in it, else nothing."""
    import contextlib

    import torch

    if bf16_is_native(device_type):
        return torch.autocast(device_type, torch.bfloat16)
    return contextlib.nullcontext()


def bf16_is_native(device_type: str) -> bool:
    """Whether the device computes in bfloat16."""
    import torch

    if device_type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return supports_bf16()
