"""What a worker can ask: models in its own process, and models that a server answers for."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

DEFAULT_LOADER = "leanstage.variant.predictor:load_predictor"


class Predictor(Protocol):
    """Anything that gives, for n texts, float32 probabilities of shape (n, classes)."""

    def predict(self, texts: Sequence[str]) -> NDArray[np.float32]: ...


@runtime_checkable
class Writes(Predictor, Protocol):
    """A predictor whose answers are written, and which can be asked to read a prompt alone."""

    def read(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """As ``predict``, with one token for an answer."""
        ...


@runtime_checkable
class Served(Protocol):
    """A predictor that lets a server answer, whose work is the model's as well."""

    at_once: int
    """Requests that the server may have before it at a time."""
    shared: bool
    """Another worker may ask the same server, so that it works while this one waits."""

    def cpu_seconds(self) -> float:
        """Processor time of the server so far."""
        ...

    def rss_bytes(self) -> int:
        """Resident memory of the server now."""
        ...

    def close(self) -> None:
        """Stop the server."""
        ...
