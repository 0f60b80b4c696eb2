"""int8 under onnxruntime: dynamic, and static with ranges taken from text."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from leanstage.quantize.how import How, batches, group_of, grouped, quiet
from leanstage.variant import Variant
from leanstage.variant.checkpoint import load_checkpoint
from leanstage.variant.forms import write_onnx
from leanstage.variant.hardware import int8_saturates

_OPERATORS = ["MatMul", "Gemm", "Gather"]
"""What static quantization may touch: with all that onnxruntime would take, softmax and layer norm
among them, a classifier was seen to answer one class for every row."""


def dynamic(source: Variant, target: Path, how: How) -> Variant:
    """Weights in int8 per output channel, activations quantized as they pass."""
    return write_onnx(source, target, precision="int8", transform=partial(_dynamic, how))


def static(source: Variant, target: Path, how: How) -> Variant:
    """Weights in int8 per output channel, activations within ranges taken from ``how.texts``."""
    feeds = batches(source, how.texts)
    return write_onnx(source, target, precision="int8", transform=partial(_static, how, feeds))


def layers(source: Variant) -> Mapping[str, Sequence[str]]:
    """The groups of layers whose matrices can stay in float, by the names of their modules."""
    import torch

    kinds = (torch.nn.Linear, torch.nn.Embedding)
    modules = load_checkpoint(source.path).named_modules()
    return grouped(name for name, module in modules if isinstance(module, kinds))


def _dynamic(how: How, path: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with quiet():
        quantize_dynamic(
            _aside(path),
            path,
            per_channel=True,
            reduce_range=int8_saturates(),
            weight_type=QuantType.QInt8,
            nodes_to_exclude=_in_float(_float(path), how),
        )
    _float(path).unlink()


def _static(how: How, feeds: Sequence[Mapping[str, Any]], path: Path) -> None:
    from onnxruntime.quantization import CalibrationMethod, QuantType, quantize_static

    methods = {
        "min-max": CalibrationMethod.MinMax,
        "entropy": CalibrationMethod.Entropy,
        "percentile": CalibrationMethod.Percentile,
    }
    with quiet():
        quantize_static(
            _aside(path),
            path,
            _reader(feeds),
            op_types_to_quantize=_OPERATORS,
            per_channel=True,
            reduce_range=int8_saturates(),
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=methods[how.method],
            nodes_to_exclude=_in_float(_float(path), how),
            calibration_cache_path=how.cache / f"{how.method}.json" if how.cache else None,
            # Batches differ in length, so each is collected by itself; products of activations
            # among themselves, the scores of the attention, stay in float.
            extra_options={"CalibStridedMinMax": 1, "MatMulConstBOnly": True},
        )
    _float(path).unlink()


def _float(path: Path) -> Path:
    return path.with_suffix(".float.onnx")


def _aside(path: Path) -> Path:
    """The float graph under another name: what is read is never what is written."""
    return path.rename(_float(path))


def _in_float(path: Path, how: How) -> list[str]:
    """Nodes of the groups that stay in float."""
    import onnx

    graph = onnx.load(path, load_external_data=False).graph
    return [node.name for node in graph.node if group_of(node.name) in how.in_float]


def _reader(feeds: Sequence[Mapping[str, Any]]) -> Any:
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        """Batches, by position: what ``CalibStridedMinMax`` asks for."""

        def __init__(self) -> None:
            self._rest = iter(feeds)

        def __len__(self) -> int:
            return len(feeds)

        def set_range(self, start_index: int, end_index: int) -> None:
            self._rest = iter(feeds[start_index:end_index])

        def get_next(self) -> Mapping[str, Any] | None:
            return next(self._rest, None)

    return Reader()
