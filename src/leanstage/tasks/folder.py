"""A split as a folder: its rows, and what is known about them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from leanstage.contracts import DatasetInfo, Split, canonical_json
from leanstage.errors import InputError
from leanstage.tasks.completions import COMPLETION, PROMPT, TEXT, joined, read_pairs, row_of
from leanstage.tasks.predictions import LABEL, Slicing
from leanstage.tasks.reading import read_rows
from leanstage.tasks.slices import slicing
from leanstage.tasks.splits import Examples
from leanstage.variant.digest import file_sha256
from leanstage.variant.folder import fresh_folder

ROWS_FILE = "data.jsonl"
INFO_FILE = "dataset.json"


@dataclass(frozen=True)
class SplitFolder:
    """A split on disk, opened; ``slices`` holds its further columns by name.

    For generation ``texts`` are the prompts, and ``completions`` what follows them.
    """

    info: DatasetInfo
    texts: list[str]
    labels: list[int]
    slices: Mapping[str, Slicing] = field(default_factory=dict)
    completions: list[str] = field(default_factory=list)

    @property
    def whole(self) -> list[str]:
        """Everything that a row shows a model that learns from it."""
        return joined(self.texts, self.completions)


def write_split(
    target: str | Path,
    examples: Examples,
    *,
    split: Split,
    labels: Sequence[str],
    overlap_with_train: int = 0,
) -> DatasetInfo:
    """Write a split as a folder of ``data.jsonl`` and ``dataset.json``.

    The slice columns of ``examples`` stand in every row beside what it asks.
    """
    with fresh_folder(target) as draft:
        path = draft / ROWS_FILE
        with path.open("wb") as stream:
            for row, text in enumerate(examples.texts):
                entry: dict[str, Any] = {TEXT: text}
                if examples.labels:
                    entry[LABEL] = examples.labels[row]
                if examples.completions:
                    entry = row_of(examples.form, text, examples.completions[row])
                entry |= {name: values[row] for name, values in examples.slices.items()}
                stream.write(canonical_json(entry) + b"\n")
        info = DatasetInfo(
            split=split,
            source=examples.source,
            n=len(examples),
            rows_sha256=file_sha256(path),
            labels=tuple(labels),
            form=examples.form,
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
    further = sorted(rows[0].keys() - {TEXT, LABEL, PROMPT, COMPLETION}) if rows else []
    slices = {name: slicing([row[name] for row in rows]) for name in further}
    if info.form != "label":
        _, prompts, completions = read_pairs(rows, str(path), info.split)
        return SplitFolder(info, prompts, [], slices, completions)
    texts = [row[TEXT] for row in rows]
    return SplitFolder(info, texts, [int(row[LABEL]) for row in rows if LABEL in row], slices)
