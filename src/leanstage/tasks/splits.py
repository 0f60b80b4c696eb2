"""Splits in memory: labels checked against the model, rows held out, leaks refused."""

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from leanstage.contracts import RowForm, Split
from leanstage.errors import InputError
from leanstage.tasks.completions import joined, read_pairs
from leanstage.tasks.reading import Row, read_rows
from leanstage.tasks.slices import read_columns
from leanstage.uris import shown

MIN_TRAIN_ROWS = 16


@dataclass(frozen=True)
class Examples:
    """A split in memory: ``labels`` are class indices, empty for unlabelled text.

    ``slices`` holds further columns by name, one value for each row. For generation ``texts`` are
    the prompts, and ``completions`` what follows them.
    """

    texts: list[str]
    labels: list[int]
    source: str
    slices: Mapping[str, list[str]] = field(default_factory=dict)
    completions: list[str] = field(default_factory=list)
    form: RowForm = "label"

    @property
    def whole(self) -> list[str]:
        """Everything that a row shows a model that learns from it."""
        return joined(self.texts, self.completions)

    def __len__(self) -> int:
        return len(self.texts)


def read_labelled(
    uri: str, labels: Sequence[str], *, split: Split, columns: Sequence[str] = ()
) -> Examples:
    """Read a labelled split and turn its labels into class indices of the model.

    Args:
        labels: of the model; without any it generates, and its rows are :func:`read_pairs`.
        columns: further columns to keep, whose values form slices.

    Raises:
        InputError: unreadable data, a row without text, label or one of the columns, a label the
            model lacks, or a column that forms no slices.
    """
    rows, uri = read_rows(uri), shown(uri)
    if not labels:
        form, prompts, completions = read_pairs(rows, uri, split)
        return Examples(prompts, [], uri, read_columns(rows, columns, uri), completions, form)
    index = _label_index(labels)
    texts, numbers = [], []
    for number, row in enumerate(rows, start=1):
        texts.append(_text(row, uri, number))
        if "label" not in row or row["label"] is None:
            raise InputError(f"{uri}, row {number} has no 'label'; the {split} split needs one.")
        numbers.append(_class_index(row["label"], index, labels, uri, number, split))
    return Examples(texts, numbers, uri, read_columns(rows, columns, uri))


def read_unlabelled(uri: str) -> Examples:
    """Read text without labels; labels that are there are left unread."""
    rows, uri = read_rows(uri), shown(uri)
    return Examples([_text(row, uri, n) for n, row in enumerate(rows, start=1)], [], uri)


def hold_out(examples: Examples, *, share: float, seed: int) -> tuple[Examples, Examples]:
    """Split off ``share`` of each class, seeded: ``(rest, held out)``.

    Without labels all rows are one class. A text that stands on both sides stays in the rest.
    """
    by_class: dict[int, list[int]] = defaultdict(list)
    for row, label in enumerate(examples.labels or [0] * len(examples)):
        by_class[label].append(row)
    rng = random.Random(seed)
    held: set[int] = set()
    for label in sorted(by_class):
        rows = by_class[label]
        rng.shuffle(rows)
        held.update(rows[: round(len(rows) * share)])
    texts = [normal_text(text) for text in examples.whole]
    left = {text for row, text in enumerate(texts) if row not in held}
    held = {row for row in held if texts[row] not in left}
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
    if labels and len(present) < 2:
        only = labels[next(iter(present))]
        raise InputError(
            f"{examples.source} holds rows of one class only ({only}); a classifier needs at "
            "least two."
        )


def overlap(held_out: Examples, training: Examples) -> int:
    """Rows of ``held_out`` whose text, case and spacing aside, also stands in ``training``."""
    seen = {normal_text(text) for text in training.whole}
    return sum(normal_text(text) in seen for text in held_out.whole)


def apart(rows: Examples, *others: Examples) -> list[str]:
    """Texts of ``rows`` that, case and spacing aside, stand in none of ``others``."""
    seen = {normal_text(text) for other in others for text in (*other.texts, *other.whole)}
    return [text for text in rows.texts if normal_text(text) not in seen]


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


def normal_text(text: str) -> str:
    """``text`` without case and spacing: two of one form count as the same row."""
    return " ".join(text.casefold().split())


def _pick(examples: Examples, rows: Sequence[int]) -> Examples:
    return Examples(
        [examples.texts[row] for row in rows],
        [examples.labels[row] for row in rows] if examples.labels else [],
        examples.source,
        {name: [values[row] for row in rows] for name, values in examples.slices.items()},
        [examples.completions[row] for row in rows] if examples.completions else [],
        examples.form,
    )
