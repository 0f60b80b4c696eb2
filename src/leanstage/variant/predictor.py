"""The code that answers: the same for evaluation, measurement and serving."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from leanstage.contracts import Precision, VariantManifest
from leanstage.errors import InputError
from leanstage.variant.digest import MANIFEST
from leanstage.variant.hardware import device_type
from leanstage.variant.lengths import cut_to_memory, groups_by_length
from leanstage.variant.threads import computing_threads
from leanstage.variant.tokens import TextEncoder, pad_rows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ONNX_FILE = "onnx/model.onnx"

ONNX_CALL_TOKENS = 16
TORCH_CALL_TOKENS: dict[Precision, int] = {"fp32": 48, "bf16": 118}
"""What a call costs beyond its tokens on a CPU, in tokens: docs/adr/0010-batches-by-length.md."""
_UNMEASURED_CALL_TOKENS = 100


class Predictor(Protocol):
    """Answers texts with class probabilities."""

    def predict(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        """Probabilities of shape (texts, classes), rows summing to one."""
        ...


def load_predictor(path: str | Path) -> Predictor:
    """Load a variant through the runtime its manifest names.

    Of one that generates, the answers are tokens: :class:`leanstage.variant.writing.Writer`.
    """
    path = Path(path)
    manifest = VariantManifest.load(path / MANIFEST)
    if manifest.task == "text-generation":
        from leanstage.variant.generation import load_generator
        from leanstage.variant.writing import Writer

        return Writer(load_generator(path))
    if manifest.runtime == "onnxruntime":
        return OnnxPredictor(path, manifest)
    if manifest.runtime == "openvino":
        from leanstage.variant.openvino import OpenVinoPredictor

        return OpenVinoPredictor(path, manifest)
    return TorchPredictor(path, manifest)


class OnnxPredictor:
    """An ONNX graph under onnxruntime; imports neither torch nor transformers."""

    def __init__(self, path: Path, manifest: VariantManifest) -> None:
        import onnxruntime

        model = path / ONNX_FILE
        if not model.is_file():
            raise InputError(f"{path} names onnxruntime as its runtime but holds no {ONNX_FILE}.")
        options = onnxruntime.SessionOptions()
        # Spinning threads burn the energy of the co-tenant; the measurement needs them quiet.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.intra_op_num_threads = computing_threads()
        try:
            self._session = onnxruntime.InferenceSession(
                str(model),
                options,
                providers=["CPUExecutionProvider"],
                # Its fused kernel measures slower on CPUs than the sum and the norm it replaces: a
                # tenth of the processor time of an answer (docs/adr/0003-onnx-export.md).
                disabled_optimizers=["SkipLayerNormFusion"],
            )
        # What it raises has no base of its own.
        except Exception as error:
            reason = str(error).strip().partition("\n")[0]
            raise InputError(f"{model} does not load under onnxruntime: {reason}") from error
        self._inputs = {item.name for item in self._session.get_inputs()}
        self._encoder = TextEncoder(path, manifest.max_length)

    def predict(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        return by_length(self._encoder, texts, self._logits, ONNX_CALL_TOKENS)

    def _logits(self, ids: "NDArray[np.int64]", mask: "NDArray[np.int64]") -> "NDArray[Any]":
        feeds = {"input_ids": ids, "attention_mask": mask}
        return self._session.run(  # type: ignore[no-any-return]
            ["logits"], {name: feeds[name] for name in self._inputs if name in feeds}
        )[0]


class TorchPredictor:
    """A plain checkpoint under PyTorch, in the precision it was saved in."""

    def __init__(self, path: Path, manifest: VariantManifest) -> None:
        import torch

        from leanstage.variant.checkpoint import load_checkpoint

        self._torch = torch
        self._device = device_type()
        model = load_checkpoint(path)
        # bitsandbytes places a model itself, and lets nobody move it.
        if model.device.type != self._device:
            model.to(self._device)
        self._model: Any = model
        self._encoder = TextEncoder(path, manifest.max_length)
        # A GPU answers a padded batch faster than several smaller ones.
        self._call_tokens = None if self._device != "cpu" else _call_tokens(manifest.precision)

    def predict(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        return by_length(self._encoder, texts, self._logits, self._call_tokens)

    def _logits(self, ids: "NDArray[np.int64]", mask: "NDArray[np.int64]") -> "NDArray[Any]":
        tensors = (self._torch.from_numpy(array).to(self._device) for array in (ids, mask))
        input_ids, attention_mask = tensors
        with self._torch.inference_mode():
            logits = self._model(input_ids=input_ids, attention_mask=attention_mask).logits
        # Copying to the host also waits for the GPU, so a timed call ends when its work does.
        return logits.float().cpu().numpy()  # type: ignore[no-any-return]


def _call_tokens(precision: Precision) -> int:
    return TORCH_CALL_TOKENS.get(precision, _UNMEASURED_CALL_TOKENS)


def by_length(
    encoder: TextEncoder,
    texts: Sequence[str],
    logits: Callable[["NDArray[np.int64]", "NDArray[np.int64]"], "NDArray[Any]"],
    call_tokens: int | None,
) -> "NDArray[np.float32]":
    """Probabilities in the order of ``texts``, answered in :func:`groups_by_length`.

    Args:
        logits: answers ``(input_ids, attention_mask)`` with an array of shape (rows, classes).
        call_tokens: what a call costs beyond its tokens; None answers all rows in one call.
    """
    import numpy as np

    rows = encoder.ids(texts)
    groups = [list(range(len(rows)))]
    if call_tokens is not None:
        lengths = [len(row) for row in rows]
        groups = cut_to_memory(groups_by_length(lengths, call_tokens), lengths)
    answers = [logits(*pad_rows([rows[row] for row in group], encoder.pad_id)) for group in groups]
    return softmax(np.concatenate(answers)[np.argsort(np.concatenate(groups))])


def softmax(logits: "NDArray[Any]") -> "NDArray[np.float32]":
    """Row-wise softmax of shape (rows, classes), shifted by the maximum against overflow."""
    import numpy as np

    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities: NDArray[np.float32] = shifted / shifted.sum(axis=-1, keepdims=True)
    return probabilities.astype(np.float32)


def predict_all(
    predictor: Predictor, texts: Sequence[str], *, batch_size: int
) -> "NDArray[np.float32]":
    """Probabilities of shape (texts, classes), answered in batches in the given order."""
    import numpy as np

    parts = [
        predictor.predict(texts[start : start + batch_size])
        for start in range(0, len(texts), batch_size)
    ]
    return np.concatenate(parts)
