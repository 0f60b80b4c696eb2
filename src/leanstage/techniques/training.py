"""Training a student on the teacher's answers, on transformers' Trainer."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as functional
from transformers import Trainer, TrainerCallback, TrainingArguments

from leanstage import progress
from leanstage.techniques.data import TaughtRows, bf16_is_native, pad


def distillation_loss(
    student_logits: torch.Tensor, teacher_logits: torch.Tensor, temperature: float
) -> torch.Tensor:
    """Kullback-Leibler divergence from teacher to student at ``temperature``, times its square.

    Hinton, Vinyals & Dean 2015, "Distilling the Knowledge in a Neural Network", section 2: the
    square keeps the size of the gradient independent of the temperature. Shapes (rows, classes).
    """
    return (
        functional.kl_div(
            functional.log_softmax(student_logits / temperature, dim=-1),
            functional.softmax(teacher_logits / temperature, dim=-1),
            reduction="batchmean",
        )
        * temperature**2
    )


def train_student(
    student: Any,
    rows: TaughtRows,
    *,
    epochs: int,
    learning_rate: float,
    batch_size: int,
    temperature: float,
    hidden_weight: float,
    seed: int,
    message: str,
) -> None:
    """Train ``student`` in place on the teacher's answers."""
    freeze_embeddings(student)
    _without_dropout(student)
    with tempfile.TemporaryDirectory(prefix="leanstage-train-") as folder:
        trainer = _Distiller(
            temperature=temperature,
            hidden_weight=hidden_weight,
            model=student,
            args=training_arguments(
                Path(folder),
                epochs=epochs,
                learning_rate=learning_rate,
                batch_size=batch_size,
                seed=seed,
                device_type=student.device.type,
            ),
            train_dataset=rows,
            data_collator=_collate(rows.pad_id),
            callbacks=[Teller(message)],
        )
        trainer.train()
    student.eval()


def freeze_embeddings(model: Any) -> None:
    """Keep the embeddings as they are.

    They hold most of a small encoder's weights, come ready from pretraining or the teacher, and
    updating them would cost as much as a layer.
    """
    for parameter in model.base_model.embeddings.parameters():
        parameter.requires_grad_(False)


def _without_dropout(model: Any) -> None:
    """A pass or two over soft answers does not overfit; dropout would only slow it down."""
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0


class _Distiller(Trainer):  # type: ignore[misc]
    """Trainer whose loss is the distance from the teacher's cached answers."""

    def __init__(self, *, temperature: float, hidden_weight: float, **options: Any) -> None:
        super().__init__(**options)
        self._temperature = temperature
        self._hidden_weight = hidden_weight
        # The loss is a mean over the batch already; Trainer must not divide it by token counts.
        self.model_accepts_loss_kwargs = False

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, **_: Any
    ) -> Any:
        teacher_logits = inputs.pop("teacher_logits")
        teacher_hidden = inputs.pop("teacher_hidden")
        answer = model(**inputs, output_hidden_states=self._hidden_weight > 0)
        loss = distillation_loss(answer.logits.float(), teacher_logits, self._temperature)
        if self._hidden_weight > 0:
            hidden = answer.hidden_states[-1][:, 0].float()
            loss = loss + self._hidden_weight * functional.mse_loss(hidden, teacher_hidden)
        return (loss, answer) if return_outputs else loss


class Teller(TrainerCallback):  # type: ignore[misc]
    """Says how far training is, about fifty times."""

    def __init__(self, message: str) -> None:
        self._message = message

    def on_step_end(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
        every = max(1, state.max_steps // 50)
        if state.global_step % every == 0 or state.global_step == state.max_steps:
            progress.step(self._message, state.global_step / state.max_steps)


def training_arguments(
    folder: Path,
    *,
    epochs: int,
    learning_rate: float,
    batch_size: int,
    seed: int,
    device_type: str,
) -> TrainingArguments:
    """One set of arguments for every training: quiet, seeded, in bfloat16 where it is native."""
    return TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=epochs,
        per_device_train_batch_size=batch_size,
        learning_rate=learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=0.06,
        weight_decay=0.01,
        max_grad_norm=1.0,
        bf16=bf16_is_native(device_type),
        use_cpu=device_type == "cpu",
        train_sampling_strategy="group_by_length",
        remove_unused_columns=False,
        dataloader_pin_memory=device_type != "cpu",
        save_strategy="no",
        logging_strategy="no",
        report_to=[],
        disable_tqdm=True,
        seed=seed,
    )


def _collate(pad_id: int) -> Callable[[Sequence[dict[str, Any]]], dict[str, torch.Tensor]]:
    def collate(rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        batch = pad([row["input_ids"] for row in rows], pad_id)
        batch["teacher_logits"] = torch.stack([row["teacher_logits"] for row in rows])
        batch["teacher_hidden"] = torch.stack([row["teacher_hidden"] for row in rows])
        return batch

    return collate
