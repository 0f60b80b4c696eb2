"""bitsandbytes: LLM.int8 through transformers."""

from pathlib import Path
from typing import Any

import torch
from common import answers_of, checkpoint, copy_tokenizer
from transformers import BitsAndBytesConfig


def make(_option: str, source: Path, _rows: Path, target: Path) -> None:
    """The quantized checkpoint."""
    config = BitsAndBytesConfig(
        load_in_8bit=True, llm_int8_skip_modules=["classifier", "pre_classifier"]
    )
    model = checkpoint(source, quantization_config=config, dtype=torch.bfloat16, device_map="cpu")
    model.save_pretrained(target)
    copy_tokenizer(source, target)


def load(_option: str, target: Path) -> Any:
    """As saved."""
    return answers_of(checkpoint(target, device_map="cpu"), target)
