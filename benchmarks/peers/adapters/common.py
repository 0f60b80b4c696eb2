"""What the adapters of transformers' models share: tokens, rows, and sessions of onnxruntime.

PyTorch is imported where it is used: a runtime that answers without it does not pay its memory.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

CALIBRATION_ROWS = 256
BATCH_SIZE = 8
THREADS = 2


def tokenizer_of(folder: Path, tensors: str = "pt") -> Callable[[list[str]], Any]:
    """From texts to padded tensors, as long as the longest of the batch.

    Args:
        tensors: ``pt`` for PyTorch, ``np`` for NumPy.
    """
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)

    def encode(texts: list[str]) -> Any:
        return tokenizer(texts, padding=True, truncation=True, return_tensors=tensors)

    return encode


def checkpoint(folder: Path, **options: Any) -> Any:
    """The classifier, in evaluation mode."""
    import torch
    from transformers import AutoModelForSequenceClassification

    torch.set_num_threads(THREADS)
    return AutoModelForSequenceClassification.from_pretrained(
        folder, local_files_only=True, use_safetensors=True, **options
    ).eval()


def answers_of(model: Any, folder: Path) -> Callable[[list[str]], list[list[float]]]:
    """A PyTorch model behind its tokenizer."""
    import torch

    encode = tokenizer_of(folder)

    def answer(texts: list[str]) -> list[list[float]]:
        with torch.inference_mode():
            return model(**encode(texts)).logits.float().tolist()

    return answer


def session_options() -> Any:
    """Of onnxruntime: its defaults, but two threads that do not spin while they wait."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def rows_of(folder: Path, split: str, most: int | None = None) -> list[dict[str, str]]:
    """The first rows of a split."""
    lines = (folder / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines[:most]]


def copy_checkpoint(source: Path, target: Path) -> None:
    """The whole folder, for peers that change a model when it is loaded."""
    shutil.copytree(source, target)


def copy_tokenizer(source: Path, target: Path) -> None:
    """Config and tokenizer beside a graph."""
    target.mkdir(parents=True, exist_ok=True)
    for path in source.iterdir():
        if path.suffix in {".json", ".txt"} and not (target / path.name).exists():
            shutil.copyfile(path, target / path.name)
