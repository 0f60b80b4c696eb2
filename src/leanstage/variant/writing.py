"""Prompts answered with a fixed number of tokens: the work by which models that write are timed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from leanstage.variant.generation import Generator

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NEW_TOKENS = 32
"""Tokens of an answer when models are timed, whatever they would say: equal work for all."""


class Writer:
    """A predictor whose answer is text of :data:`NEW_TOKENS` tokens."""

    def __init__(self, generator: Generator) -> None:
        self.generator = generator

    def predict(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        """Token ids of shape (texts, 32); NaN where a model wrote less."""
        rows = self.generator.generate_ids(texts, [NEW_TOKENS] * len(texts), least=NEW_TOKENS)
        return filled(rows)


def filled(rows: Sequence[Sequence[int]]) -> "NDArray[np.float32]":
    """Rows of tokens as an array of shape (rows, 32), NaN where a row has fewer."""
    import numpy as np

    answers = np.full((len(rows), NEW_TOKENS), np.nan, dtype=np.float32)
    for number, row in enumerate(rows):
        answers[number, : len(row)] = row[:NEW_TOKENS]
    return answers
