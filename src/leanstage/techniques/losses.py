"""What a student is trained towards."""

import torch
import torch.nn.functional as functional


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
