"""Training a student on the teacher's answers, on transformers' Trainer."""

import time
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import Sampler

from leanstage import progress
from leanstage.errors import InputError
from leanstage.techniques.checkpoints import keeps_checkpoints, last_checkpoint, training_folder
from leanstage.techniques.data import TaughtRows
from leanstage.techniques.matching import check_states, projection
from leanstage.techniques.memory import keep_freed_memory
from leanstage.techniques.patience import require_time
from leanstage.techniques.precision import bf16_is_faster
from leanstage.techniques.processes import (
    PROCESSES_VARIABLE,
    Curve,
    processes,
    train_in_processes,
)
from leanstage.techniques.recipe import Recipe
from leanstage.techniques.taught import Taught
from leanstage.variant.architectures import family_of
from leanstage.variant.checkpoint import quiet_transformers
from leanstage.variant.hardware import device_type

with quiet_transformers():
    from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments
    from transformers.trainer_pt_utils import LengthGroupedSampler

_TWENTIETH = 0.05
_PACE_STEPS = 50
"""So many batches the sampler sorts by length together: fewer would not tell the mean."""


def train_student(student: Any, rows: Taught, recipe: Recipe) -> Curve:
    """Train ``student`` in place on the teacher's answers; returns its loss on the way.

    Afterwards it is on the device that it came on, wherever it was trained.

    On several processes, one a GPU, where there are several GPUs. Where ``LEANSTAGE_CHECKPOINTS``
    names a folder that outlives the process, a training that was killed goes on from its last
    checkpoint.

    Raises:
        InputError: a loss of ``recipe`` needs what ``rows`` lack, or its batch is not divided by
            the number of processes; nothing was trained.
        LateError: on one process, it would not end in time
            (:func:`leanstage.techniques.patience.ending_by`).
    """
    if isinstance(rows, TaughtRows):
        check_states(student.get_input_embeddings().embedding_dim, rows.states, recipe)
    count = processes(recipe.batch_size // recipe.accumulation)
    if recipe.batch_size % (count * recipe.accumulation):
        raise InputError(
            f"a batch of {recipe.batch_size} rows in {recipe.accumulation} parts cannot be divided "
            f"among {count} processes; set {PROCESSES_VARIABLE} to a number that divides it."
        )
    where = student.device
    with training_folder(student, rows, recipe, count=count) as folder:
        if count > 1:
            curve = train_in_processes(student, rows, recipe, folder, count)
        else:
            curve = fit(student, rows, recipe, folder)
    student.to(where)
    student.eval()
    return curve


def fit(student: Any, rows: Taught, recipe: Recipe, folder: Path, *, count: int = 1) -> Curve:
    """The share of one of ``count`` processes of a training; ``folder`` holds its checkpoints."""
    keep_freed_memory()
    freeze_embeddings(student)
    _without_dropout(student)
    states = rows.states if isinstance(rows, TaughtRows) else None
    with projection(student, states, recipe):
        trainer = _Distiller(
            rows=rows,
            recipe=recipe,
            model=student,
            args=training_arguments(
                folder,
                epochs=recipe.epochs,
                learning_rate=recipe.learning_rate,
                batch_size=recipe.batch_size // (count * recipe.accumulation),
                accumulation=recipe.accumulation,
                seed=recipe.seed,
                device_type=device_type(),
                checkpoints=keeps_checkpoints(),
                curve=True,
            ),
            callbacks=[Teller(recipe.message), Punctual()],
        )
        # It would print each loss as a dictionary.
        trainer.remove_callback(PrinterCallback)
        checkpoint = last_checkpoint(folder)
        if checkpoint is not None:
            progress.step(f"{recipe.message}: going on from {checkpoint.name}")
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    logged = [entry for entry in trainer.state.log_history if "loss" in entry]
    return tuple((int(entry["step"]), float(entry["loss"])) for entry in logged)


def freeze_embeddings(model: Any) -> None:
    """Keep the embeddings as they are.

    They hold most of a small encoder's weights, come ready from pretraining or the teacher, and
    updating them would cost as much as a layer.
    """
    family = family_of(model.config.model_type, where="the student")
    for parameter in model.base_model.get_submodule(family.embeddings).parameters():
        parameter.requires_grad_(False)


def _without_dropout(model: Any) -> None:
    """A pass or two over soft answers does not overfit; dropout would only slow it down."""
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
        # Of decoders, whose attention has no module for it.
        if hasattr(module, "attention_dropout"):
            module.attention_dropout = 0.0


class _Distiller(Trainer):  # type: ignore[misc]
    """Trainer whose loss is the distance from the teacher's cached answers."""

    def __init__(self, *, rows: Taught, recipe: Recipe, **options: Any) -> None:
        super().__init__(train_dataset=rows, data_collator=rows.collate, **options)
        self._rows = rows
        self._recipe = recipe
        # The loss is a mean over the batch already; Trainer must not divide it by token counts.
        self.model_accepts_loss_kwargs = False

    def _get_train_sampler(self, train_dataset: Any = None) -> "Sampler[int]":
        arguments = self.args
        batch_size = arguments.train_batch_size * arguments.gradient_accumulation_steps
        sampler = SeededSampler(arguments.seed, batch_size * arguments.world_size, self._rows)
        self.add_callback(InOrder(sampler))
        return sampler

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, **_: Any
    ) -> Any:
        loss, answer = self._rows.loss(model, inputs, self._recipe)
        return (loss, answer) if return_outputs else loss


class SeededSampler(LengthGroupedSampler):  # type: ignore[misc]
    """Rows of like length together, in an order that the seed and the epoch alone decide.

    Transformers' own order follows the global random state, which is another one in a training
    that was resumed, and in every process of several.
    """

    def __init__(self, seed: int, batch_size: int, rows: Taught) -> None:
        super().__init__(batch_size, lengths=rows.lengths, generator=torch.Generator())
        self._seed = seed
        self.set_epoch(0)

    def set_epoch(self, epoch: int) -> None:
        self.generator.manual_seed(self._seed + epoch)


class InOrder(TrainerCallback):  # type: ignore[misc]
    """Tells a sampler the epoch.

    Trainer does, except where several processes go on from a checkpoint: there the sampler is
    wrapped once more than it looks, and the epoch would go on in the order of the first.
    """

    def __init__(self, sampler: SeededSampler) -> None:
        self._sampler = sampler

    def on_epoch_begin(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
        self._sampler.set_epoch(state.global_step * state.num_train_epochs // state.max_steps)


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


class Punctual(TrainerCallback):  # type: ignore[misc]
    """Gives a training up that would not end in time at the pace it has."""

    def on_train_begin(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
        self._began, self._first = time.monotonic(), state.global_step

    def on_step_end(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
        done, left = state.global_step - self._first, state.max_steps - state.global_step
        if done % _PACE_STEPS == 0 and left:
            require_time((time.monotonic() - self._began) / done * left)


def training_arguments(
    folder: Path,
    *,
    epochs: int,
    learning_rate: float,
    batch_size: int,
    accumulation: int = 1,
    seed: int,
    device_type: str,
    checkpoints: bool = False,
    curve: bool = False,
) -> TrainingArguments:
    """One set of arguments for every training: quiet, seeded, in bfloat16 where it is faster.

    With ``checkpoints`` one is kept each twentieth of the way; with ``curve`` the mean loss since
    is logged there, so that a training that goes on logs what it would have logged.
    """
    arguments = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=epochs,
        per_device_train_batch_size=batch_size,
        gradient_accumulation_steps=accumulation,
        learning_rate=learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=0.06,
        weight_decay=0.01,
        max_grad_norm=1.0,
        bf16=bf16_is_faster(device_type),
        use_cpu=device_type == "cpu",
        train_sampling_strategy="group_by_length",
        remove_unused_columns=False,
        dataloader_pin_memory=device_type != "cpu",
        save_strategy="steps" if checkpoints else "no",
        save_steps=_TWENTIETH,
        save_total_limit=2,
        logging_strategy="steps" if curve else "no",
        logging_steps=_TWENTIETH,
        # Every weight is a part of every loss, the map between widths outside the model's own call.
        ddp_find_unused_parameters=False,
        report_to=[],
        disable_tqdm=True,
        seed=seed,
    )
    # Of several GPUs one process takes one: transformers would spread a batch of that size on each.
    arguments._n_gpu = min(arguments.n_gpu, 1)
    return arguments
