"""Training that is killed, or spread over processes, ends where a plain one does."""

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from leanstage.distill.student import shallow_student
from leanstage.errors import InputError
from leanstage.techniques.checkpoints import last_checkpoint, training_folder
from leanstage.techniques.data import TaughtRows, pad, teach
from leanstage.techniques.processes import processes
from leanstage.techniques.recipe import Recipe
from leanstage.techniques.training import train_student
from leanstage.variant import Variant
from leanstage.variant.adopt import adopt
from leanstage.variant.checkpoint import load_checkpoint
from tests.conftest import reviews

RECIPE = Recipe(
    epochs=3, learning_rate=1e-3, batch_size=32, temperature=2.0, seed=3, message="training"
)

# The same training as below, in a process that can be killed.
ALONE = """
import sys
from pathlib import Path
import numpy as np
import torch
import leanstage.techniques.training as training
from leanstage.distill.student import shallow_student
from leanstage.techniques.data import TaughtRows
from leanstage.techniques.recipe import Recipe
from leanstage.techniques.training import train_student
from leanstage.variant.checkpoint import load_checkpoint

training.bf16_is_native = lambda _: False
teacher, rows, recipe = sys.argv[1:]
with np.load(rows) as arrays:
    taught = TaughtRows.of_arrays(dict(arrays))
student = shallow_student(load_checkpoint(Path(teacher), attention="eager"), [0, 2])
torch.nn.init.zeros_(student.classifier.weight)
train_student(student, taught, Recipe.model_validate_json(recipe))
"""


@pytest.fixture(scope="module")
def teacher(
    tiny_checkpoint: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Variant:
    return adopt(tiny_checkpoint("bert"), tmp_path_factory.mktemp("teacher") / "variant")


@pytest.fixture(scope="module")
def rows(teacher: Variant) -> TaughtRows:
    return teach(teacher, [text for text, _ in reviews(1280, seed=7)])


@pytest.fixture(autouse=True)
def float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without rounding to bfloat16, so that two ways to one result can be held together."""
    monkeypatch.setattr("leanstage.techniques.training.bf16_is_native", lambda _: False)


def student_of(teacher: Variant) -> Any:
    """Two of the teacher's three layers under a head that has to be learnt anew."""
    student = shallow_student(load_checkpoint(teacher.path, attention="eager"), [0, 2])
    torch.nn.init.zeros_(student.classifier.weight)
    return student


@pytest.fixture(scope="module")
def plain(teacher: Variant, rows: TaughtRows) -> Any:
    """A student that an undisturbed training on one process ended with."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("leanstage.techniques.training.bf16_is_native", lambda _: False)
        student = student_of(teacher)
        train_student(student, rows, RECIPE)
    return student


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


def test_a_training_killed_at_a_random_step_goes_on(
    teacher: Variant,
    rows: TaughtRows,
    plain: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    checkpoints, events, arrays = tmp_path / "kept", tmp_path / "events", tmp_path / "rows.npz"
    monkeypatch.setenv("LEANSTAGE_CHECKPOINTS", str(checkpoints))
    monkeypatch.setenv("LEANSTAGE_EVENTS", str(events))
    np.savez(arrays, **rows.arrays())
    until = random.uniform(0.2, 0.8)
    # On a busy machine a training may reach its end before it is looked at.
    ended = any(_killed(until, [teacher.path, arrays], events) for _ in range(5))
    assert ended, f"not killed at {until:.2f} of the way"

    (folder,) = checkpoints.iterdir()
    kept = last_checkpoint(folder)
    assert kept is not None
    events.unlink()
    resumed = student_of(teacher)
    train_student(resumed, rows, RECIPE)
    assert f"going on from {kept.name}" in events.read_text()
    assert min(_fractions(events)) > 0.05, "it began anew"
    assert largest_difference(resumed, plain) < 1e-5, f"killed at {until:.2f} of the way"
    assert not list(checkpoints.iterdir()), "a training that ended well leaves no checkpoint"


def _fractions(events: Path) -> list[float]:
    if not events.exists():
        return []
    found = [json.loads(line) for line in events.read_text().splitlines() if line.endswith("}")]
    return [event["fraction"] for event in found if event.get("fraction") is not None]


def test_two_processes_end_where_one_does(
    teacher: Variant,
    rows: TaughtRows,
    plain: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LEANSTAGE_PROCESSES", "2")
    student = student_of(teacher)
    train_student(student, rows, RECIPE)
    taught = rows.logits[:200].softmax(dim=-1)
    assert (answers(student_of(teacher), rows) - taught).abs().max() > 0.4
    assert (answers(plain, rows) - taught).abs().max() < 0.1
    # Half batches are rounded otherwise than whole ones, and these to bfloat16 where it is native.
    assert (answers(student, rows) - answers(plain, rows)).abs().max() < 0.05


@pytest.mark.parametrize("told", ["0", "two", "-1"])
def test_a_number_of_processes_that_is_none(told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEANSTAGE_PROCESSES", told)
    with pytest.raises(InputError, match="LEANSTAGE_PROCESSES"):
        processes()


def test_a_checkpoint_cut_off_while_written_is_passed_over(tmp_path: Path) -> None:
    for number, state in ((10, "{}"), (20, '{"global_st'), (30, None)):
        (tmp_path / f"checkpoint-{number}").mkdir()
        if state is not None:
            (tmp_path / f"checkpoint-{number}" / "trainer_state.json").write_text(state)
    assert last_checkpoint(tmp_path) == tmp_path / "checkpoint-10"


def test_another_training_has_another_folder(
    teacher: Variant, rows: TaughtRows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEANSTAGE_CHECKPOINTS", str(tmp_path))
    student = student_of(teacher)
    changed = student_of(teacher)
    with torch.no_grad():
        changed.classifier.bias += 1
    fewer = replace(rows, ids=rows.ids[:-1], logits=rows.logits[:-1], hidden=rows.hidden[:-1])
    other = replace(rows, teacher_digest="0" * 64)
    seeded = RECIPE.model_copy(update={"seed": 4})
    folders = []
    for arguments in (
        (student, rows, RECIPE),
        (changed, rows, RECIPE),
        (student, fewer, RECIPE),
        (student, other, RECIPE),
        (student, rows, seeded),
    ):
        with training_folder(*arguments) as folder:
            folders.append(folder)
    with training_folder(student, rows, RECIPE, count=2) as folder:
        folders.append(folder)
    assert len(set(folders)) == len(folders)
    # Another node gives the same answers but for the last bits.
    asked_again = replace(rows, logits=rows.logits + 1e-6)
    with training_folder(student_of(teacher), asked_again, RECIPE) as again:
        assert again == folders[0]
