"""Students cut from their teacher."""

import copy
from typing import Any

from leanstage.variant.architectures import family_of


def layers_to_keep(total: int, depth: float) -> list[int]:
    """Evenly spaced layers of the teacher, the first and the last always among them.

    Args:
        total: layers of the teacher.
        depth: share of them to keep, in (0, 1).
    """
    count = max(2, round(total * depth))
    return [round(index * (total - 1) / (count - 1)) for index in range(count)]


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
