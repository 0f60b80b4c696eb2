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
    """A predictor whose answer to a prompt is text of :data:`NEW_TOKENS` tokens."""

    def __init__(self, generator: Generator) -> None:
        self.generator = generator

    def predict(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        """How many tokens each answer has, shape (texts, 1); NaN where they are not so many."""
        return self._write(texts, NEW_TOKENS)

    def read(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        """As :meth:`predict`, with answers of one token: what it takes to read the prompts."""
        return self._write(texts, 1)

    def _write(self, texts: Sequence[str], tokens: int) -> "NDArray[np.float32]":
        import numpy as np

        counts = np.array(self.generator.write(texts, tokens), dtype=np.float32)
        return np.where(counts == tokens, counts, np.nan).astype(np.float32)[:, None]
