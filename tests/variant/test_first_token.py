"""The last layer for the first token alone: less work, and the same answer."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from leanstage.prune.cut import cut
from leanstage.prune.importance import magnitude
from leanstage.prune.shape import shape_of, target_shape
from leanstage.techniques.search import save_checkpoint
from leanstage.variant import load_predictor
from leanstage.variant.adopt import adopt
from leanstage.variant.architectures import layers_of
from leanstage.variant.checkpoint import load_checkpoint
from leanstage.variant.first_token import first_token_only
from leanstage.variant.forms import write_onnx
from tests.conftest import reviews

FAMILIES = ("bert", "roberta", "mpnet", "distilbert")


@pytest.mark.parametrize("family", FAMILIES)
def test_a_graph_answers_as_the_whole_model_does(
    family: str, tiny_checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    whole = adopt(tiny_checkpoint(family), tmp_path / "whole")
    graph = write_onnx(whole, tmp_path / "graph")
    # Rows of every length, so that some are padded.
    texts = [text for text, _ in reviews(60, seed=5)] + ["wonderful"]
    expected = load_predictor(whole.path).predict(texts)
    np.testing.assert_allclose(load_predictor(graph.path).predict(texts), expected, atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_last_layer_computes_one_token_and_only_within_the_block(
    family: str, tiny_checkpoint: Callable[[str], Path]
) -> None:
    model: Any = load_checkpoint(tiny_checkpoint(family), attention="eager")
    computed: list[torch.Size] = []
    last = layers_of(model)[-1]
    narrow = next(m for n, m in last.named_modules() if n in {"output.dense", "ffn.lin2"})
    narrow.register_forward_hook(lambda _m, _i, given: computed.append(given.shape))
    ids = torch.randint(4, 20, (2, 9))
    mask = torch.ones_like(ids)
    mask[1, 5:] = 0
    with torch.inference_mode():
        before = model(input_ids=ids, attention_mask=mask).logits
        with first_token_only(model):
            within = model(input_ids=ids, attention_mask=mask).logits
        after = model(input_ids=ids, attention_mask=mask).logits
    torch.testing.assert_close(within, before)
    torch.testing.assert_close(after, before, rtol=0, atol=0)
    assert [shape[1] for shape in computed] == [9, 1, 9]


def test_a_pruned_model_too(tiny_checkpoint: Callable[[str], Path], tmp_path: Path) -> None:
    parent = adopt(tiny_checkpoint("mpnet"), tmp_path / "parent")
    model: Any = load_checkpoint(parent.path).float()
    shape = target_shape(shape_of(model), 0.5, ("feed_forward", "heads", "hidden"))
    pruned = save_checkpoint(cut(model, shape, magnitude(model)), parent, tmp_path / "pruned")
    graph = write_onnx(pruned, tmp_path / "graph")
    texts = [text for text, _ in reviews(20, seed=6)]
    expected = load_predictor(pruned.path).predict(texts)
    np.testing.assert_allclose(load_predictor(graph.path).predict(texts), expected, atol=1e-5)
