"""Students cut from their teacher: fewer layers, or every layer narrower."""

import copy
from typing import Any

from leanstage.errors import InputError
from leanstage.prune.cut import cut, keep_layers
from leanstage.prune.importance import Scores
from leanstage.prune.shape import LEAST_LAYERS, Shape, shape_of, target_shape


def layers_to_keep(total: int, depth: float) -> list[int]:
    """The lowest layers of the teacher.

    What they compute stays what the teacher computes there, and of a classifier the upper ones
    are those that fine-tuning made: they are the easiest to learn anew (Sajjad et al. 2023, "On
    the effect of dropping layers of pre-trained transformer models"; measured in
    docs/techniques.md).

    Args:
        total: layers of the teacher.
        depth: share of them to keep, in (0, 1).
    """
    return list(range(max(LEAST_LAYERS, round(total * depth))))


def shallow_student(teacher: Any, keep: list[int]) -> Any:
    """A copy of ``teacher`` with the layers ``keep`` only.

    Layers of a trained model start a student far better than random ones do (Sanh et al. 2019,
    "DistilBERT", section 3).
    """
    student = copy.deepcopy(teacher).float()
    keep_layers(student, keep)
    return student


def narrow_shape(teacher: Any, width: float) -> Shape:
    """The teacher's shape with ``width`` of its hidden size, heads and feed-forward layers.

    Raises:
        InputError: nothing is left of one of them.
    """
    shape = shape_of(teacher)
    try:
        return target_shape(shape, 1 - width, ("feed_forward", "heads", "hidden"))
    except InputError as error:
        raise InputError(
            f"a width of {width:g} leaves too little of {shape}; give a larger one."
        ) from error


def narrow_student(teacher: Any, shape: Shape, scores: Scores) -> Any:
    """A narrower copy of ``teacher`` with what matters most of it."""
    return cut(teacher, shape, scores).float()
