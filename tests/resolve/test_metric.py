"""A policy on a metric that the answers will not have is refused before anything is read."""

import pytest

from leanstage.contracts import ModelPolicy
from leanstage.contracts.policy import Metric
from leanstage.errors import InputError
from leanstage.resolve.data import read_splits
from leanstage.resolve.request import Request

NOWHERE = Request(model="m", train="none.jsonl", evaluation="none.jsonl")


@pytest.mark.parametrize(
    ("labels", "metric"),
    [(("a", "b"), "exact_match"), (("a", "b"), "perplexity"), ((), "macro_f1")],
)
def test_a_metric_of_another_task_is_refused(labels: tuple[str, ...], metric: Metric) -> None:
    with pytest.raises(
        InputError, match=f"'mine' judges by {metric}, which the answers of a model"
    ):
        read_splits(NOWHERE, labels, ModelPolicy(name="mine", metric=metric))


@pytest.mark.parametrize(
    ("labels", "metric"),
    [(("a", "b"), "macro_f1"), ((), "exact_match"), ((), "perplexity"), ((), "accuracy")],
)
def test_a_metric_of_the_task_is_not(labels: tuple[str, ...], metric: Metric) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_splits(NOWHERE, labels, ModelPolicy(metric=metric))
