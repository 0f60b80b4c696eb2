"""What is tried on a model: one function a form, from its checkpoint to what answers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from leanstage.calibrate.shapes import Shape, texts, write_model
from leanstage.contracts import Form, QuantizeBackend
from leanstage.errors import InputError
from leanstage.quantize.backends import BACKENDS
from leanstage.quantize.how import How
from leanstage.variant import MANIFEST, Predictor, Variant, fresh_folder, load_predictor
from leanstage.variant.architectures import layers_of
from leanstage.variant.checkpoint import load_checkpoint
from leanstage.variant.digest import regular_files
from leanstage.variant.folder import link_or_copy
from leanstage.variant.forms import write_onnx
from leanstage.variant.hardware import device_type
from leanstage.variant.predictor import TorchPredictor

Try = Callable[[Shape, Variant, Path], Predictor]
"""From a shape, a model of it in float32 and an empty place on disk."""

SPARSITY = 0.5
"""Share of the weights that both kinds of sparsity leave at zero."""


RANGE_ROWS = 32
"""Texts from which static forms take their ranges: what they cost does not depend on those."""


def _backend(name: QuantizeBackend) -> Try:
    def tried(_: Shape, source: Variant, target: Path) -> Predictor:
        rows = tuple(texts()[:RANGE_ROWS])
        if refusal := BACKENDS[name].refusal(source, rows):
            raise InputError(refusal)
        return load_predictor(BACKENDS[name](source, target, How(texts=rows)).path)

    return tried


def _on_the_processor(form: Try) -> Try:
    """Only where the reference answers on the processor too."""

    def tried(shape: Shape, source: Variant, target: Path) -> Predictor:
        if device_type() != "cpu":
            raise InputError(
                "its runtime answers on the processor here, so its cost cannot be held against "
                "that of the GPU"
            )
        return form(shape, source, target)

    return tried


def _onnxruntime_fp32(_: Shape, source: Variant, target: Path) -> Predictor:
    return load_predictor(write_onnx(source, target).path)


def _unstructured(_: Shape, source: Variant, target: Path) -> Predictor:
    """The smallest half of every weight matrix at zero, multiplied as any matrix is."""

    def mask(weights: Any) -> Any:
        smallest = weights.abs().flatten().kthvalue(int(weights.numel() * SPARSITY)).values
        return weights.abs() > smallest

    return load_predictor(_masked(source, target, mask))


def _two_of_four(_: Shape, source: Variant, target: Path) -> Predictor:
    """Two of every four weights at zero: by PyTorch's kernels for it on CUDA, elsewhere dense.

    The kernels multiply in bfloat16, so hold what comes of it against ``torch-bf16``.
    """

    def mask(weights: Any) -> Any:
        import torch

        fours = weights.abs().reshape(-1, 4)
        kept = torch.zeros_like(fours, dtype=torch.bool)
        return kept.scatter(1, fours.topk(2).indices, True).reshape(weights.shape)

    folder = _masked(source, target, mask)
    return SemiStructured(folder) if device_type() == "cuda" else load_predictor(folder)


class SemiStructured(TorchPredictor):
    """A checkpoint of 2:4 weights by the kernels that leave the zeros out."""

    def __init__(self, path: Path) -> None:
        from torch.nn import Parameter
        from torch.sparse import to_sparse_semi_structured

        from leanstage.contracts import VariantManifest

        super().__init__(path, VariantManifest.load(path / MANIFEST))
        self._model.bfloat16()
        for linear in _linear_layers(self._model):
            linear.weight = Parameter(to_sparse_semi_structured(linear.weight.detach()))


def _masked(source: Variant, target: Path, mask: Callable[[Any], Any]) -> Path:
    """The checkpoint with the weights of its layers at zero where ``mask`` is false."""
    model = load_checkpoint(source.path)
    for linear in _linear_layers(model):
        linear.weight.data *= mask(linear.weight.data)
    with fresh_folder(target) as draft:
        for relative, path in regular_files(source.path):
            if not relative.endswith(".safetensors"):
                link_or_copy(path, draft / relative)
        model.save_pretrained(draft)
    return target


def _linear_layers(model: Any) -> list[Any]:
    from torch.nn import Linear

    return [module for module in layers_of(model).modules() if isinstance(module, Linear)]


def _smaller(half: Callable[[Shape], Shape]) -> Try:
    return lambda shape, _, target: load_predictor(write_model(half(shape), target).path)


FORMS: dict[Form, Try] = {
    "torch-bf16": _backend("torch-bf16"),
    "torch-fp16": _backend("torch-fp16"),
    "onnxruntime-fp32": _on_the_processor(_onnxruntime_fp32),
    "onnxruntime-int8": _on_the_processor(_backend("onnxruntime-int8")),
    "onnxruntime-int8-static": _on_the_processor(_backend("onnxruntime-int8-static")),
    "openvino-bf16": _on_the_processor(_backend("openvino-bf16")),
    "openvino-int8": _on_the_processor(_backend("openvino-int8")),
    "bitsandbytes-int8": _backend("bitsandbytes-int8"),
    "bitsandbytes-nf4": _backend("bitsandbytes-nf4"),
    "torchao-int8": _backend("torchao-int8"),
    "torchao-int4": _backend("torchao-int4"),
    "sparsity-unstructured": _unstructured,
    "sparsity-2:4": _two_of_four,
    "half-depth": _smaller(lambda shape: shape.half_depth),
    "half-width": _smaller(lambda shape: shape.half_width),
}
"""Every form of the contract; adding one is adding a row."""
