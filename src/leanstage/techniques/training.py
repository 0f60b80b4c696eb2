"""Training a student on the teacher's answers, on transformers' Trainer."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as functional
from torch.utils.data import Sampler
from transformers import Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_pt_utils import LengthGroupedSampler

from leanstage import progress
from leanstage.contracts.base import Part
from leanstage.techniques.checkpoints import keeps_checkpoints, last_checkpoint, training_folder
from leanstage.techniques.data import TaughtRows, bf16_is_native, pad
from leanstage.techniques.processes import processes, train_in_processes
from leanstage.variant.hardware import device_type


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


class Recipe(Part):
    """How to train a student, as data.

    ``batch_size`` is that of one step, over all processes together.
    """

    epochs: int
    learning_rate: float
    batch_size: int
    temperature: float
    hidden_weight: float = 0.0
    seed: int
    message: str


def train_student(student: Any, rows: TaughtRows, recipe: Recipe) -> None:
    """Train ``student`` in place on the teacher's answers.

    On one process a GPU, where there are several GPUs. Where ``LEANSTAGE_CHECKPOINTS`` names a
    folder that outlives the process, a training that was killed goes on from its last checkpoint.
    """
    count = processes()
    with training_folder(student, rows, recipe, count=count) as folder:
        if count > 1:
            train_in_processes(student, rows, recipe, folder, count)
        else:
            fit(student, rows, recipe, folder)
    student.eval()


def fit(student: Any, rows: TaughtRows, recipe: Recipe, folder: Path, *, count: int = 1) -> None:
    """The share of one of ``count`` processes of a training; ``folder`` holds its checkpoints."""
    freeze_embeddings(student)
    _without_dropout(student)
    trainer = _Distiller(
        temperature=recipe.temperature,
        hidden_weight=recipe.hidden_weight,
        model=student,
        args=training_arguments(
            folder,
            epochs=recipe.epochs,
            learning_rate=recipe.learning_rate,
            batch_size=math.ceil(recipe.batch_size / count),
            seed=recipe.seed,
            device_type=device_type(),
            checkpoints=keeps_checkpoints(),
        ),
        train_dataset=rows,
        data_collator=_collate(rows.pad_id),
        callbacks=[Teller(recipe.message)],
    )
    checkpoint = last_checkpoint(folder)
    if checkpoint is not None:
        progress.step(f"{recipe.message}: going on from {checkpoint.name}")
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)


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

    def _get_train_sampler(self, train_dataset: Any = None) -> "Sampler[int]":
        batch_size = self.args.train_batch_size * self.args.world_size
        return _SeededSampler(self.args.seed, batch_size, train_dataset)

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


class _SeededSampler(LengthGroupedSampler):  # type: ignore[misc]
    """Rows of like length together, in an order that the seed and the epoch alone decide.

    Transformers' own order follows the global random state, which is another one in a training
    that was resumed, and in every process of several.
    """

    def __init__(self, seed: int, batch_size: int, rows: TaughtRows) -> None:
        lengths = [len(ids) for ids in rows.ids]
        super().__init__(batch_size, lengths=lengths, generator=torch.Generator())
        self._seed = seed
        self.set_epoch(0)

    def set_epoch(self, epoch: int) -> None:
        self.generator.manual_seed(self._seed + epoch)


class Teller(TrainerCallback):  # type: ignore[misc]
    """Says how far training is, about fifty times."""

    def __init__(self, message: str) -> None:
        self._message = message

    def on_step_end(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
        if not state.is_world_process_zero:
            return
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
    checkpoints: bool = False,
) -> TrainingArguments:
    """One set of arguments for every training: quiet, seeded, in bfloat16 where it is native.

    With ``checkpoints`` one is kept each twentieth of the way.
    """
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
        save_strategy="steps" if checkpoints else "no",
        save_steps=0.05,
        save_total_limit=2,
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
