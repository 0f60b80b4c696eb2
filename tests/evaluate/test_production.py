"""A sample of production: what both models answer to it, and whether it is like the data."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from leanstage.contracts import Evaluation
from leanstage.evaluate import evaluate
from leanstage.evaluate.drift import FEWEST, tell_apart
from leanstage.tasks import (
    EVALUATION_FILE,
    Examples,
    SplitFolder,
    open_split,
    read_labelled,
    write_split,
)
from leanstage.tasks.production import PRODUCTION_FILE, SampleAnswers, Scores
from leanstage.variant import Variant, file_sha256, load_predictor
from leanstage.variant.adopt import adopt
from leanstage.variant.generation import load_generator
from tests.generation_model import sentences, write_texts

LABELS = ("negative", "positive")
WORDS = [f"word{number}" for number in range(300)]


def texts(seed: int, n: int, words: list[str] = WORDS, length: int = 12) -> list[str]:
    rng = random.Random(seed)
    return [" ".join(rng.choices(words, k=length)) for _ in range(n)]


def auc(found: Scores | None) -> tuple[float, tuple[float, float]]:
    assert found is not None
    one = np.zeros(1, dtype=np.int32)
    (drift,) = SampleAnswers(one, one, {"train": found}).figures()["drift"]
    return drift.auc, drift.ci95


def test_texts_of_one_kind_cannot_be_told_apart() -> None:
    area, (low, high) = auc(tell_apart(texts(1, 300), texts(2, 400)))
    assert low <= 0.5 <= high
    assert abs(area - 0.5) < 0.08


def test_other_words_are_told_apart() -> None:
    shifted = texts(3, 300, WORDS[:20])
    area, (low, _) = auc(tell_apart(shifted, texts(2, 400)))
    assert area > 0.99
    assert low > 0.95


def test_other_lengths_are_told_apart() -> None:
    area, _ = auc(tell_apart(texts(3, 200, length=4), texts(4, 200, length=9)))
    assert area > 0.99


def test_a_text_that_stands_twice_is_not_learnt_by_heart() -> None:
    pool = texts(5, 2 * FEWEST)
    area, (low, high) = auc(tell_apart(pool[:FEWEST] * 20, pool[FEWEST:] * 20))
    assert low <= 0.5 <= high
    assert area < 0.8


def test_too_few_different_texts_tell_nothing() -> None:
    few = texts(6, FEWEST - 1)
    assert tell_apart(few * 10, texts(7, 500)) is None
    assert tell_apart(texts(7, 500), few) is None
    assert tell_apart([*few, "one more"], texts(7, 500)) is not None


def test_the_same_texts_give_the_same_scores() -> None:
    first, again = (tell_apart(texts(1, 60), texts(2, 60)) for _ in range(2))
    assert first is not None
    assert again is not None
    assert first.scores.tolist() == again.scores.tolist()


@pytest.fixture
def pair(tiny_checkpoint: Callable[[str], Path], tmp_path: Path) -> tuple[Variant, Variant]:
    """A model, and the same leaning to the positive class."""
    copy = Path(shutil.copytree(tiny_checkpoint("bert"), tmp_path / "copy"))
    weights = load_file(copy / "model.safetensors")
    weights["classifier.bias"] += torch.tensor([-2.0, 2.0])
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    baseline = adopt(tiny_checkpoint("bert"), tmp_path / "baseline")
    return baseline, adopt(copy, tmp_path / "leaning")


def split(data: dict[str, Path], name: str, folder: Path) -> SplitFolder:
    examples = read_labelled(str(data[name]), LABELS, split="evaluation")
    write_split(folder / name, examples, split="evaluation", labels=LABELS)
    return open_split(folder / name)


def test_both_models_answer_the_sample(
    pair: tuple[Variant, Variant], data: dict[str, Path], tmp_path: Path
) -> None:
    train, rows = split(data, "train", tmp_path), split(data, "evaluation", tmp_path)
    other = (" superb wonderful", " dreadful boring")
    asked = [
        text + other[label] * (number % 2)
        for number, (text, label) in enumerate(zip(rows.texts, rows.labels, strict=True))
    ]
    write_split(tmp_path / "p", Examples(asked, [], "asked"), split="production", labels=())
    sample = open_split(tmp_path / "p")
    target = tmp_path / "figures"
    found = evaluate(*pair, rows, batch_size=32, target=target, production=sample, train=train)
    assert Evaluation.load(target / EVALUATION_FILE) == found
    check = found.production
    assert check is not None
    assert check.dataset_sha256 == sample.info.rows_sha256
    assert check.answers_sha256 == file_sha256(target / PRODUCTION_FILE)

    answers = SampleAnswers.load(target / PRODUCTION_FILE)
    for variant, given in zip(pair, (answers.baseline, answers.candidate), strict=True):
        parts = [asked[start : start + 32] for start in range(0, len(asked), 32)]
        predictor = load_predictor(variant.path)
        expected = np.concatenate([predictor.predict(part) for part in parts]).argmax(axis=1)
        assert given.tolist() == expected.tolist()
    assert check.n == len(asked)
    assert check.same == int((answers.baseline == answers.candidate).sum()) < check.n
    assert {drift.against for drift in check.drift} == {"train", "evaluation"}


def test_without_a_sample_nothing_is_said_of_production(
    pair: tuple[Variant, Variant], data: dict[str, Path], tmp_path: Path
) -> None:
    rows = split(data, "evaluation", tmp_path)
    write_split(tmp_path / "p", Examples([], [], "none"), split="production", labels=())
    found = evaluate(
        *pair, rows, batch_size=32, target=tmp_path / "f", production=open_split(tmp_path / "p")
    )
    assert found.production is None
    assert not (tmp_path / "f" / PRODUCTION_FILE).exists()


def test_models_that_write_agree_where_their_words_do(tiny_llama: Path, tmp_path: Path) -> None:
    """As long an answer as the longest true one: nobody knows how long it should be."""
    copy = Path(shutil.copytree(tiny_llama, tmp_path / "copy"))
    weights = load_file(copy / "model.safetensors")
    weights["model.norm.weight"][:24] *= 0.2
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    baseline, other = adopt(tiny_llama, tmp_path / "b"), adopt(copy, tmp_path / "c")
    uri = str(write_texts(tmp_path / "rows.jsonl", sentences(16, seed=6)))
    rows = read_labelled(uri, (), split="evaluation")
    write_split(tmp_path / "r", rows, split="evaluation", labels=())
    prompts = [text.rsplit(maxsplit=1)[0] for text in sentences(40, seed=7)]
    write_split(tmp_path / "p", Examples(prompts, [], "asked"), split="production", labels=())
    found = evaluate(
        baseline,
        other,
        open_split(tmp_path / "r"),
        batch_size=8,
        target=tmp_path / "figures",
        production=open_split(tmp_path / "p"),
    )
    generators = [load_generator(each.path) for each in (baseline, other)]
    longest = max(generators[0].lengths(rows.texts, rows.completions))
    first, second = (
        [given.generate([prompt], [longest])[0].split() for prompt in prompts]
        for given in generators
    )
    check = found.production
    assert check is not None
    assert (check.n, check.drift) == (40, ())
    assert check.same == sum(one == two for one, two in zip(first, second, strict=True))
    assert 0 < check.same < 40
