"""A first look at a baseline that generates: the right tokenizer passes, another's does not."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from leanstage.errors import InputError
from leanstage.resolve.canary import check_baseline
from leanstage.tasks import Examples, read_labelled
from leanstage.variant.adopt import adopt
from tests.generation_model import sentences, write_texts


@pytest.fixture
def rows(tmp_path: Path) -> Examples:
    uri = str(write_texts(tmp_path / "rows.jsonl", sentences(80, seed=8)))
    return read_labelled(uri, (), split="validation")


@pytest.fixture
def copy(tiny_llama: Path, tmp_path: Path) -> Path:
    """A checkpoint that a test may damage."""
    return Path(shutil.copytree(tiny_llama, tmp_path / "copy"))


def test_a_model_that_reads_and_writes_passes(
    tiny_llama: Path, rows: Examples, tmp_path: Path
) -> None:
    check_baseline(adopt(tiny_llama, tmp_path / "variant"), rows)


def test_the_tokenizer_of_another_model_is_seen(copy: Path, rows: Examples, tmp_path: Path) -> None:
    """As many tokens, numbered otherwise: nothing but the answers tells."""
    tokenizer = json.loads((copy / "tokenizer.json").read_text())
    vocabulary = tokenizer["model"]["vocab"]
    words = [word for word, number in vocabulary.items() if number > 1]
    numbers = [vocabulary[word] for word in words]
    tokenizer["model"]["vocab"] |= dict(zip(words, numbers[7:] + numbers[:7], strict=True))
    (copy / "tokenizer.json").write_text(json.dumps(tokenizer))
    with pytest.raises(InputError, match="no better than guessing among its 340 tokens"):
        check_baseline(adopt(copy, tmp_path / "variant"), rows)


def test_answers_without_numbers_are_seen(copy: Path, rows: Examples, tmp_path: Path) -> None:
    """Finite weights whose products are not."""
    weights = load_file(copy / "model.safetensors")
    weights["model.norm.weight"] = torch.full_like(weights["model.norm.weight"], 3e38)
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match="answers NaN"):
        check_baseline(adopt(copy, tmp_path / "variant"), rows)
