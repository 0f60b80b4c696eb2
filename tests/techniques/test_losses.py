"""What a student is trained towards, against figures worked out by hand."""

import math

import pytest
import torch

from leanstage.techniques.losses import (
    distillation_loss,
    hidden_loss,
    relation_loss,
    with_truth,
)


def test_the_loss_is_the_divergence_times_the_squared_temperature() -> None:
    teacher, student = torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 0.0]])
    p = 1 / (1 + torch.exp(torch.tensor(-1.0)))
    expected = 4 * (p * torch.log(p / 0.5) + (1 - p) * torch.log((1 - p) / 0.5))
    torch.testing.assert_close(distillation_loss(student, teacher, 2.0), expected.reshape(1))
    assert float(distillation_loss(teacher, teacher, 2.0)) == pytest.approx(0.0, abs=1e-7)


def test_the_truth_counts_where_there_is_a_label() -> None:
    distilled, logits = torch.tensor([1.0, 1.0]), torch.tensor([[0.0, 0.0], [0.0, 0.0]])
    mixed = with_truth(distilled, logits, torch.tensor([1, -1]), 0.25)
    torch.testing.assert_close(mixed, torch.tensor([0.75 + 0.25 * math.log(2), 1.0]))


def test_hidden_states_are_compared_over_the_tokens_that_count() -> None:
    own = torch.tensor([[[1.0, 3.0], [9.0, 9.0]], [[0.0, 0.0], [2.0, 0.0]]])
    mask = torch.tensor([[1, 0], [1, 1]])
    # Rows: (1 + 9) / 2 over one token; (0 + 4 / 2) / 2 over two.
    expected = torch.tensor([5.0, 1.0])
    torch.testing.assert_close(hidden_loss([own], [torch.zeros_like(own)], mask), expected)
    two = hidden_loss([own, own], [torch.zeros_like(own), own], mask)
    torch.testing.assert_close(two, expected / 2)


def test_relations_are_the_divergence_of_scaled_dot_products() -> None:
    """Two tokens of width 1: each relation is a softmax over two products."""
    teacher, student = torch.tensor([[[1.0], [2.0]]]), torch.tensor([[[0.0], [0.0]]])
    mask = torch.ones(1, 2, dtype=torch.long)

    def to_even(first: float, second: float) -> float:
        p = 1 / (1 + math.exp(second - first))
        return p * math.log(2 * p) + (1 - p) * math.log(2 * (1 - p))

    expected = (to_even(1, 2) + to_even(2, 4)) / 2
    torch.testing.assert_close(
        relation_loss([student], [teacher], mask, 1), torch.tensor([expected])
    )
    three = relation_loss([student] * 3, [teacher] * 3, mask, 1)
    torch.testing.assert_close(three, torch.tensor([3 * expected]))


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_relations_need_no_common_width_and_ignore_padding(heads: int) -> None:
    torch.manual_seed(0)
    teacher = torch.randn(2, 5, 16)
    mask = torch.tensor([[1] * 5, [1, 1, 1, 0, 0]])
    student = torch.randn(2, 5, 8, requires_grad=True)
    loss = relation_loss([student], [teacher], mask, heads)
    assert loss.shape == (2,)
    assert (loss > 0).all()
    loss.sum().backward()
    assert student.grad is not None
    assert student.grad[1, 3:].abs().max() == 0
    alone = relation_loss([student[1:, :3]], [teacher[1:, :3]], mask[1:, :3], heads)
    torch.testing.assert_close(alone, loss[1:])
    zero = relation_loss([teacher], [teacher], mask, heads)
    torch.testing.assert_close(zero, torch.zeros(2))
