"""Answers that are texts: coded, so that what counts classes counts them as well."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Written:
    """What stands behind the answers of models that generate.

    Attributes:
        texts: all that was asked for or written, each once; the answers are indices into it.
        tokens: how many tokens of each row the log-probabilities are of, shape (rows,).
        baseline: log-probability of these tokens under the baseline, shape (rows,).
        candidate: likewise under the candidate.
    """

    texts: tuple[str, ...]
    tokens: "NDArray[np.int32]"
    baseline: "NDArray[np.float64]"
    candidate: "NDArray[np.float64]"


def spaced(text: str) -> str:
    """``text`` with single spaces: answers that differ in nothing else are the same."""
    return " ".join(text.split())


def coded(
    columns: Mapping[str, Sequence[str]],
) -> tuple[tuple[str, ...], dict[str, "NDArray[np.int32]"]]:
    """``(texts, indices by column)``: every text once, in order, and what each row has of them."""
    import numpy as np

    texts = tuple(sorted({text for column in columns.values() for text in column}))
    index = {text: code for code, text in enumerate(texts)}
    return texts, {
        name: np.fromiter((index[text] for text in column), np.int32, len(column))
        for name, column in columns.items()
    }
