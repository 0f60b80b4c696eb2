"""Training that is killed, or spread over processes, ends where a plain one does."""

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from accelerate.data_loader import prepare_data_loader, skip_first_batches
from safetensors.torch import load_file
from torch.utils.data import BatchSampler, DataLoader
from transformers import AutoModelForSequenceClassification

from leanstage.errors import InputError, LeanstageError
from leanstage.techniques.arrays import write_arrays
from leanstage.techniques.checkpoints import last_checkpoint, training_folder
from leanstage.techniques.data import TaughtRows, pad
from leanstage.techniques.matching import PROJECTION
from leanstage.techniques.patience import LateError, ending_by
from leanstage.techniques.processes import Curve, processes
from leanstage.techniques.recipe import Recipe
from leanstage.techniques.states import Wanted
from leanstage.techniques.teach import teach
from leanstage.techniques.training import (
    InOrder,
    SeededSampler,
    train_student,
    training_arguments,
)
from leanstage.variant import Variant
from leanstage.variant.adopt import adopt
from leanstage.variant.architectures import FAMILIES
from leanstage.variant.checkpoint import load_checkpoint
from tests.conftest import reviews, tiny_config
from tests.prune.models import logits_of, model_of, rows_of

RECIPE = Recipe(
    epochs=3,
    learning_rate=1e-3,
    batch_size=32,
    temperature=2.0,
    hidden_weight=0.1,
    attention_weight=0.1,
    truth_weight=0.2,
    seed=3,
    message="training",
)
PLAIN = {"hidden_weight": 0.0, "attention_weight": 0.0}

# The same training as below, in a process that can be killed.
ALONE = """
import sys
from pathlib import Path
import leanstage.techniques.training as training
from leanstage.techniques.arrays import read_arrays
from leanstage.techniques.recipe import Recipe
from leanstage.techniques.taught import taught_of
from leanstage.variant.checkpoint import load_checkpoint

start, rows, recipe = sys.argv[1:]
student = load_checkpoint(Path(start), attention="eager")
rows = taught_of(read_arrays(Path(rows)))
training.train_student(student, rows, Recipe.model_validate_json(recipe))
"""


@pytest.fixture(scope="module")
def teacher(
    tiny_checkpoint: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Variant:
    return adopt(tiny_checkpoint("bert"), tmp_path_factory.mktemp("teacher") / "variant")


@pytest.fixture(scope="module")
def rows(teacher: Variant) -> TaughtRows:
    """Three in four of them labelled."""
    texts, labels = zip(*reviews(1280, seed=7), strict=True)
    wanted = Wanted(hidden=True, relations_of=1)
    return teach(teacher, texts, labels=labels[:960], wanted=wanted)


@pytest.fixture(autouse=True)
def float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without rounding to bfloat16, so that two ways to one result can be held together."""
    monkeypatch.setenv("LEANSTAGE_BF16", "0")


@pytest.fixture(scope="module")
def start(teacher: Variant, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A student of half the teacher's width and other depth, that has all to learn."""
    torch.manual_seed(0)
    whole = load_checkpoint(teacher.path)
    config = tiny_config("bert", whole.config.vocab_size, layers=2)
    config.update({"hidden_size": 32, "intermediate_size": 128})
    student = AutoModelForSequenceClassification.from_config(config)
    words = whole.get_input_embeddings().weight[:, :32]
    student.get_input_embeddings().weight.data.copy_(words)
    folder = tmp_path_factory.mktemp("start")
    student.save_pretrained(folder)
    return folder


def student_at(start: Path) -> Any:
    return load_checkpoint(start, attention="eager")


def trained(start: Path, rows: TaughtRows, recipe: Recipe = RECIPE) -> tuple[Any, Curve]:
    """A student at the end of a training, and its loss on the way."""
    student = student_at(start)
    return student, train_student(student, rows, recipe)


@pytest.fixture(scope="module")
def plain(start: Path, rows: TaughtRows) -> tuple[Any, Curve]:
    """What an undisturbed training on one process ends with."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEANSTAGE_BF16", "0")
        return trained(start, rows)


def largest_difference(first: Any, second: Any) -> float:
    """Between two weights of the same place."""
    weights = second.state_dict()
    return max(
        float((tensor - weights[name]).abs().max())
        for name, tensor in first.state_dict().items()
        if tensor.is_floating_point()
    )


def answers(student: Any, rows: TaughtRows) -> torch.Tensor:
    """Probabilities of shape (200, classes)."""
    with torch.inference_mode():
        return student(**pad(rows.ids[:200], rows.pad_id)).logits.softmax(dim=-1)


def _killed(until: float, arguments: list[Path], events: Path) -> bool:
    """Whether a training of its own could be killed once that share of it was done."""
    events.unlink(missing_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-c", ALONE, *map(str, arguments), RECIPE.model_dump_json()]
    )
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        if any(fraction >= until for fraction in _fractions(events)):
            break
        time.sleep(0.005)
    process.kill()
    return process.wait(10) == -signal.SIGKILL and max(_fractions(events)) < 1


def test_a_training_killed_at_a_random_step_follows_the_same_curve(
    start: Path,
    rows: TaughtRows,
    plain: tuple[Any, Curve],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With hidden states and relations in the loss, and a map between widths that is trained."""
    checkpoints, events = tmp_path / "kept", tmp_path / "events"
    monkeypatch.setenv("LEANSTAGE_CHECKPOINTS", str(checkpoints))
    monkeypatch.setenv("LEANSTAGE_EVENTS", str(events))
    write_arrays(tmp_path / "rows", rows.arrays())
    until = random.uniform(0.2, 0.8)
    # On a busy machine a training may reach its end before it is looked at.
    ended = any(_killed(until, [start, tmp_path / "rows"], events) for _ in range(5))
    assert ended, f"not killed at {until:.2f} of the way"

    (folder,) = checkpoints.iterdir()
    kept = last_checkpoint(folder)
    assert kept is not None
    assert f"{PROJECTION}.weight" in load_file(kept / "model.safetensors")
    events.unlink()
    resumed, curve = trained(start, rows)
    assert f"going on from {kept.name}" in events.read_text()
    assert min(_fractions(events)) > 0.05, "it began anew"
    expected, whole = plain
    assert [step for step, _ in curve] == [step for step, _ in whole]
    losses = [loss for _, loss in curve]
    assert losses == pytest.approx([loss for _, loss in whole], abs=1e-5)
    assert losses[-1] < losses[0] / 2
    assert largest_difference(resumed, expected) < 1e-5, f"killed at {until:.2f} of the way"
    assert not list(checkpoints.iterdir()), "a training that ended well leaves no checkpoint"


def _fractions(events: Path) -> list[float]:
    if not events.exists():
        return []
    found = [json.loads(line) for line in events.read_text().splitlines() if line.endswith("}")]
    return [event["fraction"] for event in found if event.get("fraction") is not None]


ONE_GPU = pytest.mark.skipif(torch.cuda.device_count() == 1, reason="two processes need two GPUs")


@ONE_GPU
def test_two_processes_end_where_one_does(
    start: Path,
    rows: TaughtRows,
    plain: tuple[Any, Curve],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LEANSTAGE_PROCESSES", "2")
    student, curve = trained(start, rows)
    expected, whole = plain
    taught = rows.logits[:200].softmax(dim=-1)
    assert (answers(student_at(start), rows) - taught).abs().max() > 0.4
    assert (answers(expected, rows) - taught).abs().max() < 0.1
    # Half batches are rounded otherwise than whole ones.
    assert (answers(student, rows) - answers(expected, rows)).abs().max() < 0.05
    assert [step for step, _ in curve] == [step for step, _ in whole]
    assert dict(curve) == pytest.approx(dict(whole), rel=0.1)


@ONE_GPU
def test_processes_that_train_together_are_told_the_arithmetic(
    start: Path, rows: TaughtRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each might find another to be faster."""
    told: list[str] = []

    def run(*_: object, env: dict[str, str], **__: object) -> SimpleNamespace:
        told.append(env["LEANSTAGE_BF16"])
        return SimpleNamespace(returncode=3)

    monkeypatch.setenv("LEANSTAGE_PROCESSES", "2")
    monkeypatch.setattr("leanstage.techniques.processes.subprocess.run", run)
    for faster in (True, False):
        monkeypatch.setattr(
            "leanstage.techniques.processes.bf16_is_faster", lambda _, said=faster: said
        )
        with pytest.raises(LeanstageError, match="exit code 3"):
            trained(start, rows)
    assert told == ["1", "0"]


@pytest.mark.parametrize("count", ["1", pytest.param("2", marks=ONE_GPU)])
def test_a_training_that_diverges_ends_with_what_its_weights_became(
    count: str, start: Path, rows: TaughtRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The search says of it that it does not answer, and tries the next setting."""
    monkeypatch.setenv("LEANSTAGE_PROCESSES", count)
    few = replace(rows, ids=rows.ids[:64], logits=rows.logits[:64], labels=None, states=None)
    wild = RECIPE.model_copy(update={**PLAIN, "epochs": 2, "learning_rate": 1e38})
    student, _ = trained(start, few, wild)
    assert not torch.isfinite(student.classifier.weight).all()


def test_one_process_takes_one_gpu_of_several(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise transformers trains a batch of that size on each, and the losses see parts."""
    for name, value in (("is_available", True), ("device_count", 2), ("set_device", None)):
        monkeypatch.setattr(f"torch.cuda.{name}", lambda *_, value=value: value)
    arguments = training_arguments(
        tmp_path, epochs=1, learning_rate=1e-3, batch_size=8, seed=0, device_type="cuda"
    )
    assert arguments.train_batch_size == 8


def test_a_training_that_would_not_end_in_time_is_given_up(
    start: Path, rows: TaughtRows, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    events = tmp_path / "events"
    monkeypatch.setenv("LEANSTAGE_EVENTS", str(events))
    longer = RECIPE.model_copy(update={"epochs": 200})
    with ending_by(time.monotonic() + 5), pytest.raises(LateError, match="minutes more, and the"):
        trained(start, rows, longer)
    assert max(_fractions(events), default=0.0) < 0.5, "it was seen by its pace, not by its end"
    with ending_by(time.monotonic() + 600):
        trained(start, rows)


def test_nothing_is_dropped_out(rows: TaughtRows, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two passes over a batch while it is trained say the same, for encoders and decoders."""
    for family in FAMILIES:
        model = model_of(family)
        # Decoders drop attention out without a module for it.
        for name in ("attention_dropout", "p"):
            for module in model.modules():
                if hasattr(module, name):
                    setattr(module, name, 0.5)
        monkeypatch.setattr(
            "leanstage.techniques.training._Distiller.train", lambda trainer, **_: trainer.model
        )
        train_student(model, rows_of(family), RECIPE.model_copy(update=PLAIN))
        model.train()
        assert torch.equal(logits_of(model), logits_of(model)), family


def test_a_gradient_gathered_in_parts_is_that_of_the_large_batch(
    start: Path, rows: TaughtRows, plain: tuple[Any, Curve]
) -> None:
    """Every loss is a mean over rows, so that rows of other lengths weigh the same."""
    parts = RECIPE.model_copy(update={"accumulation": 4})
    student, curve = trained(start, rows, parts)
    expected, whole = plain
    assert dict(curve) == pytest.approx(dict(whole), abs=1e-4)
    assert largest_difference(student, expected) < 1e-3
    assert largest_difference(student, student_at(start)) > 0.02


@pytest.mark.parametrize("told", ["0", "two", "-1", "²"])
def test_a_number_of_processes_that_is_none(told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEANSTAGE_PROCESSES", told)
    with pytest.raises(InputError, match="LEANSTAGE_PROCESSES"):
        processes(32)


def test_a_batch_that_the_processes_do_not_divide_is_refused(
    start: Path, rows: TaughtRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEANSTAGE_PROCESSES", "3")
    with pytest.raises(InputError, match="32 rows in 1 parts cannot be divided among 3 processes"):
        train_student(student_at(start), rows, RECIPE)


def test_a_checkpoint_cut_off_while_written_is_passed_over(tmp_path: Path) -> None:
    for number, state in ((10, "{}"), (20, '{"global_st'), (30, None)):
        (tmp_path / f"checkpoint-{number}").mkdir()
        if state is not None:
            (tmp_path / f"checkpoint-{number}" / "trainer_state.json").write_text(state)
    assert last_checkpoint(tmp_path) == tmp_path / "checkpoint-10"


def test_another_training_has_another_folder(
    start: Path, rows: TaughtRows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEANSTAGE_CHECKPOINTS", str(tmp_path))
    student = student_at(start)
    changed = student_at(start)
    with torch.no_grad():
        changed.classifier.bias += 1
    fewer = replace(rows, ids=rows.ids[:-1], logits=rows.logits[:-1])
    unlabelled = replace(rows, labels=None)
    other = replace(rows, teacher_digest="0" * 64)
    assert rows.states is not None
    elsewhere = replace(rows, states=replace(rows.states, related=0))
    seeded = RECIPE.model_copy(update={"seed": 4})
    folders = []
    for arguments in (
        (student, rows, RECIPE),
        (changed, rows, RECIPE),
        (student, fewer, RECIPE),
        (student, unlabelled, RECIPE),
        (student, other, RECIPE),
        (student, elsewhere, RECIPE),
        (student, rows, seeded),
    ):
        with training_folder(*arguments) as folder:
            folders.append(folder)
    with training_folder(student, rows, RECIPE, count=2) as folder:
        folders.append(folder)
    assert len(set(folders)) == len(folders)
    # Another node gives the same answers but for the last bits.
    asked_again = replace(rows, logits=rows.logits + 1e-6)
    with training_folder(student_at(start), asked_again, RECIPE) as again:
        assert again == folders[0]
    # Another run, or a brought student that is written anew for a retry, lies elsewhere.
    copied = shutil.copytree(start, tmp_path / "elsewhere")
    with training_folder(student_at(copied), rows, RECIPE) as again:
        assert again == folders[0]


@pytest.mark.parametrize("count", [1, 2])
def test_a_training_goes_on_in_the_order_of_its_epoch(rows: TaughtRows, count: int) -> None:
    """With several processes, too, whose sampler Trainer does not reach when it skips batches."""

    def shares(epoch: int, skipped: int, begins: bool) -> list[list[int]]:
        sampler = SeededSampler(RECIPE.seed, 32, rows)
        batches = BatchSampler(sampler, 32 // count, drop_last=False)
        loader = prepare_data_loader(
            DataLoader(range(len(rows.ids)), batch_sampler=batches),  # type: ignore[arg-type]
            num_processes=count,
            process_index=0,
            put_on_device=False,
        )
        if skipped:
            loader = skip_first_batches(loader, skipped)
        if begins:
            each = len(rows.ids) // 32
            state = SimpleNamespace(
                global_step=epoch * each + skipped, num_train_epochs=3, max_steps=3 * each
            )
            InOrder(sampler).on_epoch_begin(None, state, None)
        loader.set_epoch(epoch)
        return [batch.tolist() for batch in loader]

    unbroken = shares(1, 0, begins=False)
    assert shares(1, 7, begins=True) == unbroken[7:]
    assert shares(2, 0, begins=True) == shares(2, 0, begins=False) != unbroken


@pytest.mark.parametrize(
    ("gpus", "batch", "count"), [(0, 32, 1), (2, 32, 2), (3, 32, 2), (6, 9, 3)]
)
def test_as_many_processes_as_the_batch_can_be_shared_among(
    gpus: int, batch: int, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LEANSTAGE_PROCESSES", raising=False)
    monkeypatch.setattr("torch.cuda.device_count", lambda: gpus)
    assert processes(batch) == count


def test_more_processes_than_gpus_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEANSTAGE_PROCESSES", "3")
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    with pytest.raises(InputError, match=r"of which this machine has 2; set it to 2 or less"):
        processes(6)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    assert processes(6) == 3
