"""Pruned models are homogeneous and load with plain transformers in a fresh process."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from leanstage.prune.importance import neuron_importance
from leanstage.prune.width import prune_width, pruned_width
from leanstage.techniques.data import TaughtRows
from leanstage.techniques.recipe import Recipe
from leanstage.variant.architectures import family_of, layers_of
from leanstage.variant.checkpoint import load_checkpoint, parameter_count

RECIPE = Recipe(
    epochs=1, learning_rate=1e-4, batch_size=2, temperature=1.0, seed=0, message="recovering"
)

RELOAD = """
import sys, numpy, torch
from transformers import AutoModelForSequenceClassification
model, report = AutoModelForSequenceClassification.from_pretrained(
    sys.argv[1], output_loading_info=True)
assert not report["missing_keys"] and not report["mismatched_keys"], report
ids = torch.arange(4, 24).reshape(2, 10)
with torch.inference_mode():
    numpy.save(sys.argv[2], model.eval()(input_ids=ids).logits.numpy())
"""


@pytest.mark.parametrize("family", ["bert", "distilbert", "roberta", "mpnet"])
def test_the_pruned_model_reloads_elsewhere_with_the_same_logits(
    family: str, tiny_checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    model = load_checkpoint(tiny_checkpoint(family), attention="eager")
    before = parameter_count(model)
    rows = TaughtRows(
        [list(range(2, 14)), list(range(8, 20))],
        torch.eye(2),
        torch.zeros(2, 64),
        pad_id=0,
        teacher_digest="0" * 64,
    )
    importance = neuron_importance(model, rows, RECIPE)
    best = [set(scores.topk(128).indices.tolist()) for scores in importance]
    names = family_of(model.config.model_type, where="test")
    weights = [layer.get_submodule(names.widen[0]).weight.clone() for layer in layers_of(model)]
    prune_width(model, 0.5, importance)
    for layer, kept, weight in zip(layers_of(model), best, weights, strict=True):
        torch.testing.assert_close(layer.get_submodule(names.widen[0]).weight, weight[sorted(kept)])
    assert getattr(model.config, names.width_key) == 128
    assert parameter_count(model) < before
    model.save_pretrained(tmp_path / "pruned")
    ids = torch.arange(4, 24).reshape(2, 10)
    with torch.inference_mode():
        expected = model.eval()(input_ids=ids).logits.numpy()
    answer = tmp_path / "logits.npy"
    subprocess.run(
        [sys.executable, "-c", RELOAD, str(tmp_path / "pruned"), str(answer)],
        check=True,
        timeout=120,
    )
    np.testing.assert_allclose(np.load(answer), expected, atol=1e-5)


@pytest.mark.parametrize(("ratio", "left"), [(0.5, 768), (0.25, 1152), (0.99, 32), (0.33, 1024)])
def test_widths_are_multiples_of_the_vector_width(ratio: float, left: int) -> None:
    assert pruned_width(1536, ratio) == left
