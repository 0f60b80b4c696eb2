"""PyTorch as it is, in float32 or bfloat16."""

from pathlib import Path
from typing import Any

import torch
from common import answers_of, checkpoint, copy_checkpoint, copy_tokenizer


def make(option: str, source: Path, _rows: Path, target: Path) -> None:
    """A copy, or one with weights in bfloat16."""
    if option == "fp32":
        copy_checkpoint(source, target)
        return
    checkpoint(source, dtype=torch.bfloat16).save_pretrained(target)
    copy_tokenizer(source, target)


def load(_option: str, target: Path) -> Any:
    """In the precision of the file."""
    return answers_of(checkpoint(target, dtype="auto"), target)
