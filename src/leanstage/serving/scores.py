"""What servers say of a text, as probabilities of its classes."""

import ast
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from leanstage.errors import LeanstageError
from leanstage.variant.predictor import softmax

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SUMS_TO_ONE = 0.01
"""Servers round."""


def probabilities(rows: Any, texts: int, labels: Sequence[str], url: str) -> "NDArray[np.float32]":
    """Probabilities of shape (texts, classes).

    Of each text a server may give the probabilities or logits of all classes, in their order or by
    name or index, or the name or index of the likeliest, which then has all.

    Args:
        rows: what was said, a list with an entry for each text.
        texts: how many were asked.
        labels: names of the classes in order.
        url: who said it.

    Raises:
        LeanstageError: it is none of these.
    """
    import numpy as np

    if not isinstance(rows, list) or len(rows) != texts:
        said = f"{len(rows)} answers" if isinstance(rows, list) else "no list of answers"
        raise LeanstageError(f"{url} gave {said} to {texts} texts.")
    scores = np.array([_scores(row, labels, url) for row in rows], dtype=np.float32)
    sums_to_one = np.abs(scores.sum(axis=-1) - 1.0) <= _SUMS_TO_ONE
    if (scores >= 0).all() and sums_to_one.all():
        return scores
    return softmax(scores)


def _scores(row: Any, labels: Sequence[str], url: str) -> list[float]:
    found: list[Any] | None = None
    if isinstance(row, str) and row.startswith("{"):
        # KServe's runtime for Hugging Face models writes mappings as Python does.
        with suppress(ValueError, SyntaxError, MemoryError, RecursionError):
            row = ast.literal_eval(row)
    if isinstance(row, Mapping):
        by_name = {str(name): score for name, score in row.items()}
        found = [by_name.get(label, by_name.get(str(at))) for at, label in enumerate(labels)]
    elif isinstance(row, list):
        found = row if len(row) > 1 else _certain(row[0] if row else None, labels)
    else:
        found = _certain(row, labels)
    if found is None or len(found) != len(labels) or not all(map(_is_number, found)):
        raise LeanstageError(
            f"{url} said {str(row)[:80]!r} of a text, where the scores of {len(labels)} classes or "
            f"one of {', '.join(labels[:8])} are expected; does it serve this model?"
        )
    return [float(score) for score in found]


def _certain(answer: Any, labels: Sequence[str]) -> list[Any] | None:
    """All for the class of a name or an index."""
    if answer in labels:
        answer = list(labels).index(answer)
    if isinstance(answer, float) and answer.is_integer():
        answer = int(answer)
    if not isinstance(answer, int) or isinstance(answer, bool) or not 0 <= answer < len(labels):
        return None
    return [float(number == answer) for number in range(len(labels))]


def _is_number(score: Any) -> bool:
    return isinstance(score, int | float) and not isinstance(score, bool)
