"""What a student is trained towards. Every loss is a mean or sum within a row: shape (rows,)."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as functional


def distillation_loss(
    student_logits: torch.Tensor, teacher_logits: torch.Tensor, temperature: float
) -> torch.Tensor:
    """Kullback-Leibler divergence from teacher to student at ``temperature``, times its square.

    Hinton, Vinyals & Dean 2015, "Distilling the Knowledge in a Neural Network", section 2: the
    square keeps the size of the gradient independent of the temperature. Shapes (rows, classes).
    """
    divergence = functional.kl_div(
        functional.log_softmax(student_logits / temperature, dim=-1),
        functional.softmax(teacher_logits / temperature, dim=-1),
        reduction="none",
    )
    return divergence.sum(dim=-1) * temperature**2


def with_truth(
    distilled: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor, weight: float
) -> torch.Tensor:
    """The loss ``distilled`` mixed with the cross-entropy of the labels, where there are any.

    Args:
        distilled: shape (rows,).
        logits: the student's, shape (rows, classes).
        labels: class indices, shape (rows,); -1 where a row has none, which stays as it is.
        weight: share of the ground truth, in [0, 1).
    """
    truth = functional.cross_entropy(logits, labels, ignore_index=-1, reduction="none")
    share = weight * (labels >= 0).to(logits.dtype)
    return (1 - share) * distilled + share * truth


def hidden_loss(
    student: Sequence[torch.Tensor], teacher: Sequence[torch.Tensor], mask: torch.Tensor
) -> torch.Tensor:
    """Mean squared distance of hidden states, over width, then tokens, then layers.

    Jiao et al. 2020, "TinyBERT", equation 8.

    Args:
        student: a tensor of shape (rows, tokens, width) a layer.
        teacher: as many, of the same shape.
        mask: 1 for tokens that count, shape (rows, tokens); a row without any loses nothing.
    """
    mask = mask.to(student[0].dtype)
    tokens = mask.sum(dim=1).clamp(min=1)
    losses = [
        (functional.mse_loss(own, given, reduction="none").mean(dim=-1) * mask).sum(dim=1) / tokens
        for own, given in zip(student, teacher, strict=True)
    ]
    return torch.stack(losses).mean(dim=0)


def relation_loss(
    student: Sequence[torch.Tensor],
    teacher: Sequence[torch.Tensor],
    mask: torch.Tensor,
    heads: int,
) -> torch.Tensor:
    """Divergence of the relations among queries, among keys and among values, summed.

    Wang et al. 2021, "MiniLMv2", equations 5 to 9: concatenated over the attention heads and split
    anew into ``heads`` relation heads, the scaled dot product of each vector with every other has
    the shape (tokens, tokens), whatever the width; mean over heads and tokens.

    Args:
        student: queries, keys and values, each of shape (rows, tokens, the student's width).
        teacher: the same, of the teacher's width.
        mask: 1 for tokens that count, shape (rows, tokens); a row without any loses nothing.
        heads: relation heads; they divide both widths.
    """
    losses = [
        _divergence(_relations(own, mask, heads), _relations(given, mask, heads), mask)
        for own, given in zip(student, teacher, strict=True)
    ]
    return torch.stack(losses).sum(dim=0)


def _relations(vectors: torch.Tensor, mask: torch.Tensor, heads: int) -> torch.Tensor:
    """Logarithms of shape (rows, heads, tokens, tokens)."""
    rows, tokens, width = vectors.shape
    split = vectors.reshape(rows, tokens, heads, width // heads).transpose(1, 2)
    scores = split @ split.transpose(-1, -2) / math.sqrt(width // heads)
    # Not infinity: of a row of padding alone it would make NaN, and zero times that is NaN.
    scores = scores.masked_fill(mask[:, None, None] == 0, torch.finfo(scores.dtype).min)
    return scores.log_softmax(dim=-1)


def _divergence(student: torch.Tensor, teacher: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    divergence = functional.kl_div(student, teacher, reduction="none", log_target=True)
    weights = mask.to(student.dtype)
    per_token = divergence.sum(dim=-1).mean(dim=1) * weights
    return per_token.sum(dim=1) / weights.sum(dim=1).clamp(min=1)
