"""A checkpoint as an ONNX graph, dynamic in rows and length."""

import logging
import warnings
from pathlib import Path
from typing import Any

from leanstage.variant.first_token import first_token_only
from leanstage.variant.predictor import ONNX_FILE

OPSET = 17


def export_onnx(model: Any, folder: Path) -> Path:
    """Write ``model`` (a transformers classifier) below ``folder``; returns the file.

    The graph takes ``input_ids`` and ``attention_mask``, each int64 of shape (rows, tokens), and
    gives ``logits`` of shape (rows, classes).
    """
    import torch

    target = folder / ONNX_FILE
    target.parent.mkdir(parents=True, exist_ok=True)
    example = torch.ones((2, 16), dtype=torch.long)
    axes = {0: "rows", 1: "tokens"}
    with warnings.catch_warnings(), first_token_only(model):
        warnings.simplefilter("ignore")
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        # The tracing exporter: docs/adr/0003-onnx-export.md says why.
        torch.onnx.export(
            _Logits(model).eval(),
            (example, example),
            str(target),
            input_names=["input_ids", "attention_mask"],
            output_names=["logits"],
            dynamic_axes={"input_ids": axes, "attention_mask": axes, "logits": {0: "rows"}},
            opset_version=OPSET,
            dynamo=False,
        )
    return target


def _Logits(model: Any) -> Any:  # noqa: N802 - it returns a module
    import torch

    class Logits(torch.nn.Module):
        """The model with a plain tensor as its answer."""

        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            return self.model(input_ids=input_ids, attention_mask=attention_mask).logits  # type: ignore[no-any-return]

    return Logits()
