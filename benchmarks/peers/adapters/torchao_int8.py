"""torchao: int8 weights and activations, compiled and frozen."""

from pathlib import Path
from typing import Any

import torch
from common import answers_of, checkpoint, copy_checkpoint
from torchao.quantization import Int8DynamicActivationInt8WeightConfig, quantize_


def make(_option: str, source: Path, _rows: Path, target: Path) -> None:
    """A copy: it is quantized when it is loaded."""
    copy_checkpoint(source, target)


def load(_option: str, target: Path) -> Any:
    """Quantized, then compiled, which is where its speed comes from."""
    model = checkpoint(target)
    quantize_(model, Int8DynamicActivationInt8WeightConfig())
    torch._inductor.config.freezing = True
    return answers_of(torch.compile(model, dynamic=True), target)
