"""What servers of classifiers say of texts, one model for each way of saying it."""

from pathlib import Path
from typing import Any

import numpy as np

from leanstage.variant import load_predictor, open_variant


class Forms:
    """A variant under onnxruntime that answers in the form a model is named after."""

    NAMES = ("probabilities", "logits", "named", "indices", "labels")

    def __init__(self, folder: Path) -> None:
        self._predictor = load_predictor(folder)
        self._labels = open_variant(folder).manifest.labels

    def answer(self, form: str, texts: list[str]) -> list[Any]:
        """An entry for each text."""
        found = self._predictor.predict(texts).astype(float)
        if form.startswith("wrong-"):
            # As a model with other weights.
            found, form = found[:, ::-1], form.removeprefix("wrong-")
        if form == "logits":
            # Not normalised: off by a constant a row, as logits are.
            return (np.log(found) + 3.0).tolist()
        if form == "named":
            return [dict(enumerate(row)) for row in found.tolist()]
        if form == "indices":
            return found.argmax(axis=-1).tolist()
        if form == "labels":
            return [self._labels[at] for at in found.argmax(axis=-1)]
        return found.tolist()
