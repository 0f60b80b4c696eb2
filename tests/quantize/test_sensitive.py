"""Layers that int8 hurts are found by measuring, and stay in float."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from leanstage.quantize.bench import Bench, Form
from leanstage.quantize.how import How
from leanstage.quantize.sensitive import divergence, keep_sensitive, ranked
from leanstage.tasks import SplitFolder
from leanstage.techniques.answers import ask
from leanstage.techniques.search import Budget, save_checkpoint
from leanstage.variant import Variant, load_predictor
from leanstage.variant.checkpoint import load_checkpoint
from leanstage.variant.forms import write_half

HURT = "layer 2 attention"


@pytest.fixture
def hostile(baseline: Variant, tmp_path: Path) -> Variant:
    """A classifier that int8 hurts in one layer alone.

    Two values of its attention are weighed high and cancel each other, to the last bit in float.
    In int8 they are rounded apart, and what they are weighed by makes much of the difference.
    """
    model: Any = load_checkpoint(baseline.path)
    attention = model.bert.encoder.layer[2].attention
    torch.manual_seed(0)
    with torch.no_grad():
        for values in (attention.self.value.weight, attention.self.value.bias):
            values[6] = values[5] / 2
        high = 3000 * torch.randn(64)
        attention.output.dense.weight[:, 5] = high
        attention.output.dense.weight[:, 6] = -2 * high
    return save_checkpoint(model, baseline, tmp_path / "hostile")


@pytest.fixture
def bench(hostile: Variant, validation: SplitFolder, train: SplitFolder, tmp_path: Path) -> Bench:
    return Bench(
        model=hostile,
        reference=ask(hostile, validation=validation).validation,
        validation=validation,
        budget=Budget(0.001),
        texts=tuple(train.texts[:64]),
        batch_size=8,
        folder=tmp_path,
    )


def test_the_layer_that_int8_hurts_stays_in_float(bench: Bench) -> None:
    plain = bench.build("onnxruntime-int8", How())
    verdict = bench.judge(plain)
    assert not verdict.fits
    assert verdict.drop > 0.001
    found = keep_sensitive(bench, plain)
    assert found is not None
    form = found.form
    assert form.how.in_float[0] == HURT
    again = bench.judge(form)
    assert again.fits
    assert found.drop == again.drop
    assert found.cost > 0
    kept = [trial for trial in bench.trials if trial.fits]
    assert kept[-1].settings["in_float"] == list(form.how.in_float)
    # Bisection over seven sizes, and every form that was judged is on record with its cost.
    assert 1 <= len(bench.trials) <= 3
    assert all(t.validation is not None and t.ms_per_answer for t in bench.trials)


def test_groups_are_ranked_by_what_each_alone_changes(bench: Bench) -> None:
    plain = Form("onnxruntime-int8", How(), bench.model, bench.input)
    groups = ["layer 0 attention", HURT, "layer 2 feed-forward"]
    assert ranked(bench, plain, groups)[0] == HURT


def test_what_answers_one_class_never_fits(
    bench: Bench, validation: SplitFolder, tmp_path: Path
) -> None:
    """However loose the budget: half of the answers would be right."""
    model: Any = load_checkpoint(bench.model.path)
    with torch.no_grad():
        model.classifier.bias[0] += 100
    deaf = write_half(save_checkpoint(model, bench.model, tmp_path / "f"), tmp_path / "d", "bf16")
    bench.budget = Budget(1.0)
    verdict = bench.judge(Form("torch-bf16", How(), deaf, load_predictor(deaf.path)))
    assert not verdict.fits
    assert verdict.reason == f"answers one class for all {len(validation.texts)} validation rows"
    assert verdict.figures is not None
    assert 0.3 < verdict.figures.accuracy < 0.7


@pytest.mark.parametrize(
    ("other", "expected"),
    [([[0.5, 0.5]], 0.0), ([[0.25, 0.75]], 0.5 * np.log(2) + 0.5 * np.log(2 / 3))],
)
def test_divergence_worked_out_by_hand(other: list[list[float]], expected: float) -> None:
    reference = np.array([[0.5, 0.5]], dtype=np.float32)
    found = divergence(reference, np.array(other, dtype=np.float32))
    assert found == pytest.approx(expected, abs=1e-6)


def test_a_form_that_is_no_smaller_is_no_form(bench: Bench, tmp_path: Path) -> None:
    same = Form("torch-bf16", How(), bench.model, bench.input)
    verdict = bench.judge(same)
    assert not verdict.fits
    assert verdict.reason.startswith("not smaller than its input")
