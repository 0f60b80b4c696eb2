"""A classifier behind KServe's protocols, asked as one in this process is.

Version 1: https://kserve.github.io/website/docs/concepts/architecture/data-plane/v1-protocol
Version 2: https://github.com/kserve/open-inference-protocol (as Triton)
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leanstage.contracts import VariantManifest
from leanstage.errors import InputError, LeanstageError
from leanstage.serving.choice import Address
from leanstage.serving.http import Connection
from leanstage.serving.scores import probabilities
from leanstage.variant.digest import MANIFEST
from leanstage.variant.tokens import TextEncoder, pad_rows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SCORES = ("logits", "probabilities", "scores")
"""What outputs of class scores are called, where a model has several."""
_TEXT_INPUT = {"name": "input-0", "datatype": "BYTES"}
_WHOLE_NUMBERS = ("INT32", "INT64")


class InferenceClassifier:
    """A variant behind an endpoint of KServe's.

    A model that takes texts is sent texts. One that takes token ids, such as an ONNX graph behind
    Triton, is sent those of the variant's own tokenizer, which is then the client's work.

    Args:
        folder: the variant that the endpoint serves.
        where: its address.

    Attributes:
        url: of the model.

    Raises:
        InputError: the variant writes, or the model takes something else.
        LeanstageError: the server cannot be reached, or knows no such model.
    """

    def __init__(self, folder: Path, where: Address) -> None:
        manifest = VariantManifest.load(folder / MANIFEST)
        if manifest.task == "text-generation":
            raise InputError(
                f"{where.url} speaks KServe's protocol, over which classifiers are asked; a model "
                "that writes is asked over OpenAI's."
            )
        self.url = where.url
        self._version_2 = where.protocol == "v2"
        self._labels = manifest.labels
        self._connection = Connection(where.url)
        about = self._connection.get(where.url)
        self._inputs = _inputs(about, where.url) if self._version_2 else [_TEXT_INPUT]
        self._encoder: TextEncoder | None = None
        if any(each["name"] == "input_ids" for each in self._inputs):
            self._encoder = TextEncoder(folder, manifest.max_length)

    def predict(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        """Probabilities of shape (texts, classes), of one request.

        A server that names but the likeliest class is taken to be certain of it.

        Raises:
            LeanstageError: the server failed, or answers with something else.
        """
        if self._version_2:
            body = {"inputs": self._tensors(texts)}
            rows = self._outputs(self._connection.post(f"{self.url}/infer", body), len(texts))
        else:
            answer = self._connection.post(f"{self.url}:predict", {"instances": list(texts)})
            rows = answer.get("predictions") if isinstance(answer, Mapping) else None
        return probabilities(rows, len(texts), self._labels, self.url)

    def _tensors(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        if self._encoder is None:
            (text,) = self._inputs
            return [{**text, "shape": [len(texts)], "data": list(texts)}]
        ids, mask = pad_rows(self._encoder.ids(texts), self._encoder.pad_id)
        arrays = {"input_ids": ids, "attention_mask": mask, "token_type_ids": mask * 0}
        return [
            {**each, "shape": list(ids.shape), "data": arrays[each["name"]].ravel().tolist()}
            for each in self._inputs
        ]

    def _outputs(self, answer: Any, rows: int) -> Any:
        """Whatever is said of each row, by the output that holds the scores."""
        try:
            outputs = {
                each["name"]: (len(each["shape"]), math.prod(each["shape"][1:]), list(each["data"]))
                for each in answer["outputs"]
            }
        except (LookupError, TypeError) as error:
            raise LeanstageError(
                f"{self.url} answered without outputs that have a name, a shape and data."
            ) from error
        named = [name for name in _SCORES if name in outputs]
        chosen = outputs[named[0]] if named else next(iter(outputs.values()), None)
        if chosen is None or (len(outputs) > 1 and not named):
            raise LeanstageError(
                f"{self.url} answered with the outputs {', '.join(outputs) or 'none'}; one of "
                f"several has to be called {' or '.join(_SCORES)}."
            )
        dimensions, width, data = chosen
        if dimensions < 2 or len(data) != rows * width:
            return data
        return [data[row * width : (row + 1) * width] for row in range(rows)]


def _inputs(about: Any, url: str) -> list[dict[str, Any]]:
    """Name and datatype of every input that the model's metadata lists, as texts or token ids."""
    listed = about.get("inputs") if isinstance(about, Mapping) else None
    try:
        found = [{"name": each["name"], "datatype": each["datatype"]} for each in listed or ()]
    except (LookupError, TypeError) as error:
        raise LeanstageError(
            f"{url} tells of inputs without name and datatype; is it the address of a model?"
        ) from error
    # A model in Python need not list any.
    if not found:
        return [_TEXT_INPUT]
    if len(found) == 1 and found[0]["datatype"] == "BYTES":
        return found
    known = {"input_ids", "attention_mask", "token_type_ids"}
    if {each["name"] for each in found} <= known and all(
        each["datatype"] in _WHOLE_NUMBERS for each in found
    ):
        return found
    inputs = ", ".join(f"{each['name']} ({each['datatype']})" for each in found)
    raise InputError(
        f"{url} takes {inputs}; a model is asked with one input of BYTES, or with input_ids, "
        "attention_mask and token_type_ids."
    )
