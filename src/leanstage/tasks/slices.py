"""Columns of the rows that divide them into slices: read, coded, counted."""

import json
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from leanstage.contracts import PairedCounts, SliceCounts
from leanstage.errors import InputError
from leanstage.tasks.completions import COMPLETION, PROMPT, TEXT
from leanstage.tasks.predictions import LABEL, Predictions, Slicing
from leanstage.tasks.reading import Row

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_SLICE_VALUES = 1000
_COLUMNS_SHOWN = 12


def read_columns(rows: Sequence[Row], columns: Sequence[str], uri: str) -> dict[str, list[str]]:
    """The values of the named columns, by name; numbers and booleans as their JSON text.

    Args:
        rows: as read from ``uri``.
        columns: other than what a row asks; the label divides the rows in any case.

    Raises:
        InputError: text or label is named, a row has nothing in a column, a value is neither text
            nor number nor boolean, or a column has more than ``MAX_SLICE_VALUES`` values.
    """
    return {name: _column(rows, name, uri) for name in sorted(set(columns))}


def slicing(values: Sequence[str]) -> Slicing:
    """One column coded: its distinct values in order, and for every row the index of its own."""
    import numpy as np

    distinct = sorted(set(values))
    index = {value: code for code, value in enumerate(distinct)}
    codes = np.fromiter((index[value] for value in values), np.int32, len(values))
    return Slicing(tuple(distinct), codes)


def slice_counts(
    predictions: Predictions, labels: Sequence[str], columns: Sequence[str]
) -> tuple[SliceCounts, ...]:
    """The paired table over the rows of every slice that has any.

    Args:
        predictions: answers and slices of the same rows.
        labels: names of the classes, the values of the column ``label``.
        columns: ``label``, or names in ``predictions.slices``.

    Returns:
        The slices in the order of ``columns``, within one by class or else by value.

    Raises:
        InputError: the answers lack a column.
    """
    # Both right is 3, only the baseline 2, only the candidate 1, neither 0.
    outcomes = 2 * (predictions.baseline == predictions.labels) + (
        predictions.candidate == predictions.labels
    )
    found: list[SliceCounts] = []
    for column in columns:
        slices = _count(column, _division(predictions, labels, column), outcomes)
        # How values are coded may change on the way through a file.
        found += slices if column == LABEL else sorted(slices, key=lambda part: part.value)
    return tuple(found)


def _count(column: str, division: Slicing, outcomes: "NDArray[np.int64]") -> list[SliceCounts]:
    import numpy as np

    size = len(division.values)
    cells = np.bincount(division.codes * np.int64(4) + outcomes, minlength=4 * size)
    return [
        SliceCounts(
            column=column,
            value=value,
            counts=PairedCounts(
                both_wrong=table[0],
                candidate_only=table[1],
                baseline_only=table[2],
                both_right=table[3],
            ),
        )
        for value, table in zip(division.values, cells.reshape(size, 4).tolist(), strict=True)
        if any(table)
    ]


def _division(predictions: Predictions, labels: Sequence[str], column: str) -> Slicing:
    if column == LABEL:
        return Slicing(tuple(labels), predictions.labels)
    if column not in predictions.slices:
        there = ", ".join([LABEL, *sorted(predictions.slices)])
        raise InputError(
            f"the answers hold no slice column {column!r}; they hold {there}: evaluate again with "
            "a policy that names it."
        )
    return predictions.slices[column]


def _column(rows: Sequence[Row], name: str, uri: str) -> list[str]:
    if name in (TEXT, LABEL, PROMPT, COMPLETION):
        raise InputError(
            f"the column {name!r} of {uri} cannot be read as slices beside text and label; name "
            "another."
        )
    values = [_value(row, name, uri, number) for number, row in enumerate(rows, start=1)]
    distinct = len(set(values))
    if distinct > MAX_SLICE_VALUES:
        raise InputError(
            f"{uri} has {distinct:,} values in the column {name!r}, too many to slice by; name a "
            f"column of at most {MAX_SLICE_VALUES:,}."
        )
    return values


def _value(row: Row, name: str, uri: str, number: int) -> str:
    value: Any = row.get(name)
    if isinstance(value, str):
        return value
    if value is None or value != value:
        more = " ..." if len(row) > _COLUMNS_SHOWN else ""
        there = ", ".join(list(row)[:_COLUMNS_SHOWN]) + more
        raise InputError(
            f"{uri}, row {number} has nothing in the slice column {name!r}; the row has {there}: "
            "fill the column in, or take it out of the policy."
        )
    if isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return json.dumps(value)
    raise InputError(
        f"{uri}, row {number} has a {type(value).__name__} in the slice column {name!r}; only "
        "text, numbers and booleans form slices."
    )
