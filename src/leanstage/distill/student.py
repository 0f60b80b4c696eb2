"""Students cut from their teacher: fewer layers, or every layer narrower."""

import copy
from typing import Any

from leanstage.prune.cut import cut
from leanstage.prune.importance import Scores
from leanstage.prune.shape import Shape, shape_of, target_shape
from leanstage.techniques.matching import spread
from leanstage.variant.architectures import family_of

LEAST_LAYERS = 2


def layers_to_keep(total: int, depth: float) -> list[int]:
    """Evenly spaced layers of the teacher, the first and the last always among them.

    Args:
        total: layers of the teacher.
        depth: share of them to keep, in (0, 1).
    """
    return spread(max(LEAST_LAYERS, round(total * depth)), total)


def shallow_student(teacher: Any, keep: list[int]) -> Any:
    """A copy of ``teacher`` with the layers ``keep`` only, its config saying so.

    Layers of a trained model start a student far better than random ones do (Sanh et al. 2019,
    "DistilBERT", section 3).
    """
    import torch

    student = copy.deepcopy(teacher).float()
    family = family_of(student.config.model_type, where="the teacher")
    parent_path, _, name = family.layers.rpartition(".")
    parent = student.base_model.get_submodule(parent_path)
    layers = getattr(parent, name)
    setattr(parent, name, torch.nn.ModuleList([layers[index] for index in keep]))
    setattr(student.config, family.depth_key, len(keep))
    return student


def narrow_shape(teacher: Any, width: float) -> Shape:
    """The teacher's shape with ``width`` of its hidden size, heads and feed-forward layers.

    Raises:
        InputError: nothing is left of one of them.
    """
    return target_shape(shape_of(teacher), 1 - width, ("feed_forward", "heads", "hidden"))


def narrow_student(teacher: Any, shape: Shape, scores: Scores) -> Any:
    """A narrower copy of ``teacher`` with what matters most of it."""
    return cut(teacher, shape, scores).float()
