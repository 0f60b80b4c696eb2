"""Students keep the lower layers of their teacher and start from its weights."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from leanstage.distill.student import layers_to_keep, shallow_student
from leanstage.variant.architectures import family_of, layers_of
from leanstage.variant.checkpoint import load_checkpoint


@pytest.mark.parametrize(
    ("total", "depth", "kept"),
    [
        (6, 0.5, [0, 1, 2]),
        (6, 0.67, [0, 1, 2, 3]),
        (12, 0.34, [0, 1, 2, 3]),
        (6, 0.01, [0, 1]),
    ],
)
def test_the_lowest_layers_are_kept(total: int, depth: float, kept: list[int]) -> None:
    assert layers_to_keep(total, depth) == kept


@pytest.mark.parametrize("family", ["bert", "distilbert", "roberta", "mpnet"])
def test_a_student_reloads_from_its_own_config(
    family: str, tiny_checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    teacher = load_checkpoint(tiny_checkpoint(family))
    student = shallow_student(teacher, [0, 2])
    student.save_pretrained(tmp_path / "student")
    again = load_checkpoint(tmp_path / "student")
    names = family_of(again.config.model_type, where="test")
    assert getattr(again.config, names.depth_key) == 2
    for own, given in zip(
        layers_of(again)[1].parameters(), layers_of(teacher)[2].parameters(), strict=True
    ):
        torch.testing.assert_close(own, given)
    assert len(layers_of(teacher)) == 3, "the teacher was changed"
