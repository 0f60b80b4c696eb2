"""A model under OpenVINO, an optional extra: the library, and the code that answers."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leanstage.contracts import Precision, VariantManifest
from leanstage.errors import InputError
from leanstage.variant.hardware import supports_bf16
from leanstage.variant.predictor import by_length
from leanstage.variant.threads import computing_threads
from leanstage.variant.tokens import TextEncoder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

OPENVINO_FILE = "openvino/openvino_model.xml"
CALL_TOKENS: dict[Precision, int] = {"bf16": 80, "int8": 40}
"""What a call costs beyond its tokens, in tokens: docs/adr/0010-batches-by-length.md."""


def openvino() -> Any:
    """The library, which reports its use to nobody.

    Raises:
        InputError: it is not installed.
    """
    # It and NNCF tell their makers about every use, unless this package is missing.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    try:
        import openvino as library
    except ImportError:
        raise InputError(
            "OpenVINO is not installed here; install leanstage with its extra: "
            "pip install 'leanstage[openvino]'."
        ) from None
    return library


class OpenVinoPredictor:
    """A graph under OpenVINO; imports neither torch nor transformers."""

    def __init__(self, path: Path, manifest: VariantManifest) -> None:
        model = path / OPENVINO_FILE
        if not model.is_file():
            raise InputError(f"{path} names openvino as its runtime but holds no {OPENVINO_FILE}.")
        core = openvino().Core()
        bf16 = manifest.precision != "fp32" and supports_bf16()
        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "bf16" if bf16 else "f32",
            "INFERENCE_NUM_THREADS": computing_threads(),
            # Pods that share a node would all be pinned to its first processors.
            "ENABLE_CPU_PINNING": False,
        }
        try:
            compiled = core.compile_model(core.read_model(model), "CPU", settings)
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1]
            raise InputError(f"{model} does not load under OpenVINO: {reason}") from error
        self._request = compiled.create_infer_request()
        self._encoder = TextEncoder(path, manifest.max_length)
        self._call_tokens = CALL_TOKENS.get(manifest.precision, CALL_TOKENS["bf16"])

    def predict(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        return by_length(self._encoder, texts, self._logits, self._call_tokens)

    def _logits(self, ids: "NDArray[np.int64]", mask: "NDArray[np.int64]") -> "NDArray[Any]":
        return self._request.infer({"input_ids": ids, "attention_mask": mask})[0]  # type: ignore[no-any-return]
