"""Which layers are held against which, over which heads, and what is left behind afterwards."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from leanstage.distill.student import shallow_student
from leanstage.errors import InputError
from leanstage.techniques.data import TaughtRows
from leanstage.techniques.matching import (
    PROJECTION,
    check_states,
    projection,
    relation_heads,
)
from leanstage.techniques.recipe import Recipe
from leanstage.techniques.spread import some, spread
from leanstage.techniques.states import Wanted
from leanstage.techniques.teach import teach
from leanstage.techniques.training import train_student
from leanstage.variant import Variant
from leanstage.variant.adopt import adopt
from leanstage.variant.checkpoint import load_checkpoint
from tests.conftest import reviews, tiny_config

RECIPE = Recipe(
    epochs=1, learning_rate=1e-3, batch_size=32, temperature=2.0, seed=3, message="training"
)


@pytest.fixture(scope="module")
def teacher(
    tiny_checkpoint: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Variant:
    return adopt(tiny_checkpoint("bert"), tmp_path_factory.mktemp("teacher") / "variant")


@pytest.fixture(scope="module")
def rows(teacher: Variant) -> TaughtRows:
    texts = [text for text, _ in reviews(64, seed=9)]
    return teach(teacher, texts, wanted=Wanted(hidden=True, relations_of=1))


def student_of_width(width: int) -> Any:
    from transformers import AutoModelForSequenceClassification

    config: Any = tiny_config("bert", 60, layers=2)
    config.update({"hidden_size": width, "num_attention_heads": 4})
    return AutoModelForSequenceClassification.from_config(config)


@pytest.mark.parametrize(
    ("count", "total", "layers"),
    [(3, 6, [0, 2, 5]), (6, 6, [0, 1, 2, 3, 4, 5]), (1, 6, [5]), (4, 3, [0, 1, 1, 2])],
)
def test_layers_are_matched_evenly(count: int, total: int, layers: list[int]) -> None:
    assert spread(count, total) == layers


@pytest.mark.parametrize(
    ("count", "most", "kept"),
    [(10, 4, [0, 3, 6, 9]), (3, 4, [0, 1, 2]), (5, 4, [0, 1, 3, 4]), (0, 4, [])],
)
def test_some_of_sorted_rows_are_of_all_classes(count: int, most: int, kept: list[int]) -> None:
    assert some(range(count), most) == kept


def test_a_teacher_is_no_distance_from_itself(teacher: Variant, rows: TaughtRows) -> None:
    """Whatever the weights, a copy of the teacher has nothing to learn; a part of it has."""
    whole: Any = load_checkpoint(teacher.path, attention="eager")
    recipe = RECIPE.model_copy(update={"hidden_weight": 1.0, "attention_weight": 1.0})
    batch = rows.collate([rows[row] for row in range(16)])
    with torch.inference_mode():
        same, _ = rows.loss(whole, dict(batch), recipe)
        less, _ = rows.loss(shallow_student(whole, [0, 2]), dict(batch), recipe)
        other, _ = rows.loss(student_of_width(64), dict(batch), recipe)
    assert float(same) < 1e-3
    assert float(same) < float(less) < float(other)


@pytest.mark.parametrize(("weight", "width"), [("hidden_weight", 64), ("attention_weight", 32)])
def test_the_inside_of_a_student_comes_closer_when_it_is_trained_on(
    weight: str, width: int, rows: TaughtRows
) -> None:
    torch.manual_seed(0)
    student = student_of_width(width)
    recipe = RECIPE.model_copy(update={"epochs": 30, "learning_rate": 5e-3, weight: 10.0})
    batch = rows.collate([rows[row] for row in range(len(rows))])

    def distance() -> float:
        student.eval()
        with torch.inference_mode():
            both, _ = rows.loss(student, dict(batch), recipe)
            alone, _ = rows.loss(student, dict(batch), RECIPE)
        return float(both - alone)

    before = distance()
    train_student(student, rows, recipe)
    assert distance() < before * 0.8


def test_relations_are_split_into_heads_that_both_widths_allow(rows: TaughtRows) -> None:
    assert rows.states is not None
    assert relation_heads(32, rows.states, RECIPE) == 4
    assert relation_heads(36, rows.states, RECIPE) == 4
    told = RECIPE.model_copy(update={"relation_heads": 8, "attention_weight": 1.0})
    assert relation_heads(32, rows.states, told) == 8
    with pytest.raises(InputError, match="8 relation heads do not divide the hidden size 36"):
        check_states(36, rows.states, told)


@pytest.mark.parametrize("weight", ["hidden_weight", "attention_weight"])
def test_a_loss_on_states_that_were_not_kept_is_refused(
    weight: str, teacher: Variant, rows: TaughtRows
) -> None:
    recipe = RECIPE.model_copy(update={weight: 1.0})
    with pytest.raises(InputError, match=f"has a {weight} of 1, and the teacher's hidden states"):
        train_student(student_of_width(32), rows.without_states(), recipe)


def test_the_map_between_widths_is_dropped_after_training(rows: TaughtRows) -> None:
    recipe = RECIPE.model_copy(update={"hidden_weight": 1.0})
    student = student_of_width(32)
    names = set(student.state_dict())
    with projection(student, rows.states, recipe):
        first = getattr(student, PROJECTION).weight.clone()
        assert first.shape == (64, 32)
    with projection(student, rows.states, recipe):
        torch.testing.assert_close(getattr(student, PROJECTION).weight, first)
    train_student(student, rows, recipe)
    assert set(student.state_dict()) == names
