"""Splits on disk: normalised rows, labels checked against the model, leaks refused."""

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leanstage.contracts import DatasetInfo, Split, canonical_json
from leanstage.errors import InputError
from leanstage.tasks.reading import Row, read_rows
from leanstage.variant.digest import file_sha256
from leanstage.variant.folder import fresh_folder

ROWS_FILE = "data.jsonl"
INFO_FILE = "dataset.json"
MIN_TRAIN_ROWS = 16


@dataclass(frozen=True)
class Examples:
    """A split in memory: ``labels`` are class indices, empty for unlabelled text."""

    texts: list[str]
    labels: list[int]
    source: str

    def __len__(self) -> int:
        return len(self.texts)


@dataclass(frozen=True)
class SplitFolder:
    """A split on disk, opened."""

    info: DatasetInfo
    texts: list[str]
    labels: list[int]


def read_labelled(uri: str, labels: Sequence[str], *, split: Split) -> Examples:
    """Read a labelled split and turn its labels into class indices of the model.

    Raises:
        InputError: unreadable data, a row without text or label, or a label the model lacks.
    """
    rows = read_rows(uri)
    index = _label_index(labels)
    texts, numbers = [], []
    for number, row in enumerate(rows, start=1):
        texts.append(_text(row, uri, number))
        if "label" not in row or row["label"] is None:
            raise InputError(f"{uri}, row {number} has no 'label'; the {split} split needs one.")
        numbers.append(_class_index(row["label"], index, labels, uri, number, split))
    return Examples(texts, numbers, uri)


def read_unlabelled(uri: str) -> Examples:
    """Read text without labels; labels that are there are left unread."""
    rows = read_rows(uri)
    return Examples([_text(row, uri, n) for n, row in enumerate(rows, start=1)], [], uri)


def hold_out(examples: Examples, *, share: float, seed: int) -> tuple[Examples, Examples]:
    """Split off ``share`` of each class, seeded: ``(rest, held out)``."""
    by_class: dict[int, list[int]] = defaultdict(list)
    for row, label in enumerate(examples.labels):
        by_class[label].append(row)
    rng = random.Random(seed)
    held: set[int] = set()
    for label in sorted(by_class):
        rows = by_class[label]
        rng.shuffle(rows)
        held.update(rows[: round(len(rows) * share)])
    rest = [row for row in range(len(examples)) if row not in held]
    return _pick(examples, rest), _pick(examples, sorted(held))


def check_training(examples: Examples, labels: Sequence[str]) -> None:
    """Refuse training data that cannot teach the task.

    Raises:
        InputError: too few rows, or only one class.
    """
    if len(examples) < MIN_TRAIN_ROWS:
        raise InputError(
            f"{examples.source} holds {len(examples)} training rows; at least {MIN_TRAIN_ROWS} "
            "are needed."
        )
    present = set(examples.labels)
    if len(present) < 2:
        only = labels[next(iter(present))]
        raise InputError(
            f"{examples.source} holds rows of one class only ({only}); a classifier needs at "
            "least two."
        )


def overlap(held_out: Examples, training: Examples) -> int:
    """Rows of ``held_out`` whose text, case and spacing aside, also stands in ``training``."""
    seen = {_normal(text) for text in training.texts}
    return sum(_normal(text) in seen for text in held_out.texts)


def write_split(
    target: str | Path,
    examples: Examples,
    *,
    split: Split,
    labels: Sequence[str],
    overlap_with_train: int = 0,
) -> DatasetInfo:
    """Write a split as a folder of ``data.jsonl`` and ``dataset.json``."""
    with fresh_folder(target) as draft:
        path = draft / ROWS_FILE
        with path.open("wb") as stream:
            for row, text in enumerate(examples.texts):
                entry: dict[str, Any] = {"text": text}
                if examples.labels:
                    entry["label"] = examples.labels[row]
                stream.write(canonical_json(entry) + b"\n")
        info = DatasetInfo(
            split=split,
            source=examples.source,
            n=len(examples),
            rows_sha256=file_sha256(path),
            labels=tuple(labels),
            overlap_with_train=overlap_with_train,
        )
        info.save(draft / INFO_FILE)
    return info


def open_split(folder: str | Path) -> SplitFolder:
    """Open a split that :func:`write_split` wrote.

    Raises:
        InputError: missing, or its rows do not hash to what ``dataset.json`` says.
    """
    folder = Path(folder)
    info = DatasetInfo.load(folder / INFO_FILE)
    path = folder / ROWS_FILE
    if file_sha256(path) != info.rows_sha256:
        raise InputError(f"{path} was changed after it was written; run resolve again.")
    rows = read_rows(str(path)) if info.n else []
    return SplitFolder(
        info,
        [row["text"] for row in rows],
        [int(row["label"]) for row in rows if "label" in row],
    )


def _label_index(labels: Sequence[str]) -> dict[str, int]:
    return {name: number for number, name in enumerate(labels)}


def _class_index(
    value: Any, index: dict[str, int], labels: Sequence[str], uri: str, number: int, split: Split
) -> int:
    if isinstance(value, bool):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and 0 <= value < len(labels):
        return value
    if isinstance(value, str) and value in index:
        return index[value]
    known = ", ".join(labels[:8]) + (" ..." if len(labels) > 8 else "")
    raise InputError(
        f"{uri}, row {number} of the {split} split has the label {value!r}, which the model "
        f"lacks; it knows {len(labels)}: {known} (or their indices)."
    )


def _text(row: Row, uri: str, number: int) -> str:
    text = row.get("text")
    if not isinstance(text, str) or not text.strip():
        raise InputError(f"{uri}, row {number} has no 'text'; every row needs a non-empty one.")
    return text


def _normal(text: str) -> str:
    return " ".join(text.casefold().split())


def _pick(examples: Examples, rows: Sequence[int]) -> Examples:
    return Examples(
        [examples.texts[row] for row in rows],
        [examples.labels[row] for row in rows],
        examples.source,
    )
