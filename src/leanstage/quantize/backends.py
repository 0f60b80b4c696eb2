"""The backends, each from a checkpoint to a variant. Adding one is adding a row."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from leanstage.contracts import QuantizeBackend, Runtime
from leanstage.quantize import checkpoints, graphs, openvino
from leanstage.quantize.how import METHODS, How
from leanstage.variant import Variant
from leanstage.variant.forms import write_half, write_openvino
from leanstage.variant.hardware import device_type, supports_fp16

Layers = Callable[[Variant], Mapping[str, Sequence[str]]]


@dataclass(frozen=True)
class Backend:
    """How one form is made, and what it needs to be.

    Attributes:
        build: writes the form of a variant to an empty place.
        runtime: what answers it.
        libraries: that have to be installed, beyond those of the package.
        extra: of the package, which brings them.
        methods: of taking ranges from text, each of which makes a form of its own.
        layers: the groups of layers of a model that ``build`` can leave in float.
        gpu: whether it is made and answers on a GPU alone.
    """

    build: Callable[[Variant, Path, How], Variant]
    runtime: Runtime
    libraries: tuple[str, ...] = ()
    extra: str = ""
    methods: tuple[str, ...] = ()
    layers: Layers | None = None
    gpu: bool = False
    fp16: bool = field(default=False)

    def __call__(self, source: Variant, target: Path, how: How | None = None) -> Variant:
        return self.build(source, target, how or How())

    def refusal(self, source: Variant, texts: Sequence[str]) -> str | None:
        """Why it cannot be had here, as a sentence; None where nothing speaks against it."""
        if self.runtime != "torch" and source.manifest.task != "text-classification":
            return f"{self.runtime} answers classifiers here, and no models that write text yet"
        missing = [name for name in self.libraries if find_spec(name) is None]
        if missing:
            return (
                f"needs {' and '.join(missing)}, not installed here: "
                f"pip install 'leanstage[{self.extra}]'"
            )
        if self.gpu and device_type() != "cuda":
            return "runs on a GPU alone, and PyTorch can use none on this machine"
        if self.fp16 and not supports_fp16():
            return "this processor has no float16 units, and emulates them many times slower"
        if self.methods and not texts:
            return "takes its ranges from training text, and the step was given none"
        return None


def _torch_bf16(source: Variant, target: Path, _: How) -> Variant:
    return write_half(source, target, "bf16")


def _torch_fp16(source: Variant, target: Path, _: How) -> Variant:
    return write_half(source, target, "fp16")


def _openvino_bf16(source: Variant, target: Path, _: How) -> Variant:
    return write_openvino(source, target)


BACKENDS: dict[QuantizeBackend, Backend] = {
    "onnxruntime-int8": Backend(graphs.dynamic, "onnxruntime", layers=graphs.layers),
    "onnxruntime-int8-static": Backend(
        graphs.static, "onnxruntime", methods=METHODS, layers=graphs.layers
    ),
    "openvino-bf16": Backend(_openvino_bf16, "openvino", ("openvino",), "openvino"),
    "openvino-int8": Backend(
        openvino.int8,
        "openvino",
        ("openvino", "nncf"),
        "openvino",
        methods=METHODS[:1],
        layers=graphs.layers,
    ),
    "torch-bf16": Backend(_torch_bf16, "torch"),
    "torch-fp16": Backend(_torch_fp16, "torch", fp16=True),
    "bitsandbytes-int8": Backend(checkpoints.bitsandbytes_int8, "torch", layers=checkpoints.layers),
    "bitsandbytes-nf4": Backend(checkpoints.bitsandbytes_nf4, "torch", layers=checkpoints.layers),
    "torchao-int8": Backend(
        checkpoints.torchao_int8, "torch", ("torchao",), "torchao", layers=checkpoints.layers
    ),
    "torchao-int4": Backend(
        checkpoints.torchao_int4,
        "torch",
        ("torchao",),
        "torchao",
        layers=checkpoints.layers,
        gpu=True,
    ),
}
