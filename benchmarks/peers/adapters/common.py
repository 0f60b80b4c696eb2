"""What the adapters of transformers' models share: tokens and rows."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

CALIBRATION_ROWS = 256
BATCH_SIZE = 8
THREADS = 2


def tokenizer_of(folder: Path) -> Callable[[list[str]], Any]:
    """From texts to padded PyTorch tensors, as long as the longest of the batch."""
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)

    def encode(texts: list[str]) -> Any:
        return tokenizer(texts, padding=True, truncation=True, return_tensors="pt")

    return encode


def checkpoint(folder: Path, **options: Any) -> Any:
    """The classifier, in evaluation mode."""
    torch.set_num_threads(THREADS)
    return AutoModelForSequenceClassification.from_pretrained(
        folder, local_files_only=True, use_safetensors=True, **options
    ).eval()


def answers_of(model: Any, folder: Path) -> Callable[[list[str]], list[list[float]]]:
    """A PyTorch model behind its tokenizer."""
    encode = tokenizer_of(folder)

    def answer(texts: list[str]) -> list[list[float]]:
        with torch.inference_mode():
            return model(**encode(texts)).logits.float().tolist()

    return answer


def rows_of(folder: Path, split: str, most: int | None = None) -> list[dict[str, str]]:
    """The first rows of a split."""
    lines = (folder / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines[:most]]


def copy_checkpoint(source: Path, target: Path) -> None:
    """The whole folder, for peers that change a model when it is loaded."""
    shutil.copytree(source, target)


def copy_tokenizer(source: Path, target: Path) -> None:
    """Config and tokenizer beside a graph."""
    for path in source.iterdir():
        if path.suffix in {".json", ".txt"}:
            shutil.copyfile(path, target / path.name)
