"""A graph for onnxruntime that is missing or broken is one sentence."""

from collections.abc import Callable
from pathlib import Path

import pytest

from leanstage.errors import InputError
from leanstage.variant import load_predictor
from leanstage.variant.adopt import adopt
from leanstage.variant.forms import write_onnx
from leanstage.variant.predictor import ONNX_FILE


def test_a_graph_that_does_not_load(tiny_checkpoint: Callable[[str], Path], tmp_path: Path) -> None:
    variant = adopt(tiny_checkpoint("bert"), tmp_path / "variant")
    form = write_onnx(variant, tmp_path / "onnx")
    graph = form.path / ONNX_FILE
    graph.write_bytes(b"no graph")
    with pytest.raises(InputError, match="does not load under onnxruntime") as caught:
        load_predictor(form.path)
    assert "\n" not in str(caught.value)
    graph.unlink()
    with pytest.raises(InputError, match="names onnxruntime as its runtime but holds no"):
        load_predictor(form.path)
