"""A metric that weighs every class alike needs rows of every class."""

import numpy as np
import pytest

from leanstage.contracts import Metric, ModelPolicy
from leanstage.gate.accuracy import few_rows
from leanstage.tasks import Comparison, Predictions, compare

LABELS = ("common", "rare", "rarer", "absent")


def figures(*counts: int) -> Comparison:
    truth = np.repeat(np.arange(len(counts)), counts).astype(np.int32)
    return compare(Predictions(truth, truth, truth), LABELS)


@pytest.mark.parametrize(
    ("metric", "counts", "said"),
    [
        ("macro_f1", (500, 30, 30), None),
        ("macro_f1", (500, 29, 30), "rare is the true class of 29."),
        ("macro_f1", (500, 29, 3), "rarer is the true class of 3, and 1 more are as rare."),
        ("accuracy", (500, 29, 3), None),
    ],
)
def test_a_rare_class(metric: Metric, counts: tuple[int, ...], said: str | None) -> None:
    reasons = few_rows("optimized", figures(*counts), ModelPolicy(metric=metric))
    assert [reason.code for reason in reasons] == ([] if said is None else ["accuracy.too_few"])
    if said is not None:
        assert reasons[0].sentence.endswith(said)
