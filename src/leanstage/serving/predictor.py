"""A variant behind KServe's own model server: version 1 and version 2 of its protocol.

It answers by the predictor that ``evaluate`` judged it with. Needs ``kserve``, whose versions of
other packages are not this project's: the image ``leanstage-serve`` has both sides.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer
from kserve.errors import InferenceError, InvalidInput, ModelNotReady
from kserve.model_server import app
from prometheus_client import Histogram

from leanstage.errors import InputError
from leanstage.serving.batching import Batcher, ClosedError
from leanstage.variant import Variant, load_predictor, open_variant

MOST_ROWS = 1024
"""Texts of one request."""
MOST_CHARACTERS = 1_000_000
"""Of one text."""
CALL_ROWS = 64
"""Rows of one call, where requests come together."""
GRACE_SECONDS = 30

ROWS = Histogram(
    "leanstage_call_rows",
    "Texts that were answered in one call of the predictor",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024),
)
_UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError)
"""What KServe's decoding raises of a body or headers that are not what they say; it would answer
500. What the model raises is an InferenceError."""
WARM_UP = (
    "a text to warm up with",
    "another, longer text to warm up with before the first request",
)


class Classifier(Model):  # type: ignore[misc]
    """A classifier of texts; each answer names its class and says how likely every one is."""

    def __init__(self, name: str, variant: Variant) -> None:
        super().__init__(name)
        self._labels = variant.manifest.labels
        predictor = load_predictor(variant.path)
        # What a runtime allocates and compiles at its first call is no request's to wait for.
        predictor.predict(list(WARM_UP))
        self._batcher = Batcher(predictor, most_rows=CALL_ROWS, called=ROWS.observe)
        self.ready = True

    async def predict(self, payload: Any, *_: Any, **__: Any) -> Any:
        """Answer texts: ``instances`` of version 1, or a BYTES tensor of version 2."""
        if isinstance(payload, InferRequest):
            return self._second_version(payload, await self._answer(_tensor(payload)))
        given = await self._answer(_instances(payload))
        return {
            "predictions": [dict(zip(self._labels, row, strict=True)) for row in given.tolist()]
        }

    def get_input_types(self) -> list[dict[str, Any]]:
        """What version 2 says of the model."""
        return [{"name": "text", "datatype": "BYTES", "shape": [-1]}]

    def get_output_types(self) -> list[dict[str, Any]]:
        """What version 2 says of its answers."""
        classes = len(self._labels)
        return [
            {"name": "probabilities", "datatype": "FP32", "shape": [-1, classes]},
            {"name": "label", "datatype": "BYTES", "shape": [-1]},
        ]

    def stop(self) -> None:
        """Answer what waits, and no more."""
        self._batcher.close()

    async def _answer(self, texts: Sequence[str]) -> Any:
        asked = _checked(texts)
        try:
            return await self._batcher.answer(asked)
        except ClosedError as error:
            raise ModelNotReady(self.name) from error
        except Exception as error:
            raise InferenceError(f"the model does not answer: {error}") from error

    def _second_version(self, asked: InferRequest, given: Any) -> InferResponse:
        import numpy as np

        probabilities = InferOutput(name="probabilities", shape=list(given.shape), datatype="FP32")
        probabilities.set_data_from_numpy(given, binary_data=asked.use_binary_outputs)
        named = np.array([self._labels[row] for row in given.argmax(axis=-1)], dtype=np.object_)
        label = InferOutput(name="label", shape=[len(given)], datatype="BYTES")
        label.set_data_from_numpy(named, binary_data=asked.use_binary_outputs)
        return InferResponse(
            model_name=self.name,
            infer_outputs=[probabilities, label],
            response_id=asked.id or "",
            use_binary_outputs=asked.use_binary_outputs,
            requested_outputs=asked.request_outputs,
        )


def serve(folder: Path, *, name: str, host: str, port: int) -> None:
    """Serve the variant in ``folder`` until the process is told to end.

    Raises:
        InputError: no variant, bytes that differ from its digest, or one that writes text.
    """
    variant = open_variant(folder)
    if variant.manifest.task == "text-generation":
        raise InputError(
            f"{folder} writes text; serve it with KServe's Hugging Face runtime (vLLM), which "
            "loads it as it is."
        )
    server = ModelServer(http_port=port, enable_grpc=False, grace_period=GRACE_SECONDS)
    _listening_at(host)
    for kind in _UNREADABLE:
        app.add_exception_handler(kind, _unreadable)
    server.start([Classifier(name, variant)])


async def _unreadable(_: Any, error: Exception) -> Any:
    from fastapi.responses import JSONResponse

    said = f"the request cannot be read: {type(error).__name__} {error}"
    return JSONResponse(status_code=400, content={"error": said[:500]})


def _listening_at(host: str) -> None:
    """KServe's server listens everywhere, and has no setting for it."""
    from kserve.protocol.rest import server

    made = server.uvicorn.Config

    class Config(made):  # type: ignore[misc, valid-type]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **{**options, "host": host})

    server.uvicorn.Config = Config


def _instances(payload: Any) -> Sequence[Any]:
    if not isinstance(payload, Mapping) or not isinstance(payload.get("instances"), list):
        raise InvalidInput('the body has to be {"instances": ["a text", ...]}.')
    found: list[Any] = payload["instances"]
    return found


def _tensor(request: InferRequest) -> Sequence[Any]:
    if len(request.inputs) != 1 or request.inputs[0].datatype != "BYTES":
        raise InvalidInput(
            "the model takes one input, a tensor of texts: "
            '{"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["a text"]}]}.'
        )
    asked = request.inputs[0]
    try:
        texts = asked.data if isinstance(asked.data, list) else asked.as_numpy().ravel().tolist()
        texts = [text.decode("utf-8") if isinstance(text, bytes) else text for text in texts]
    except (UnicodeDecodeError, TypeError, ValueError) as error:
        raise InvalidInput(f"the tensor does not hold texts in UTF-8: {error}.") from error
    if list(asked.shape) not in ([len(texts)], [len(texts), 1]):
        raise InvalidInput(
            f"the tensor says shape {list(asked.shape)} and holds {len(texts)} texts."
        )
    return texts


def _checked(texts: Sequence[Any]) -> list[str]:
    if not texts:
        raise InvalidInput("there is no text to answer; send one at least.")
    if len(texts) > MOST_ROWS:
        raise InvalidInput(f"{len(texts)} texts in one request; send {MOST_ROWS} at most.")
    for number, text in enumerate(texts):
        if not isinstance(text, str):
            raise InvalidInput(f"instance {number} is no text but {type(text).__name__}.")
        if len(text) > MOST_CHARACTERS:
            raise InvalidInput(
                f"instance {number} has {len(text):,} characters; send {MOST_CHARACTERS:,} at most."
            )
    return list(texts)
