"""Optimum: onnxruntime in float32, and its int8 with ranges as they pass or taken beforehand.

What is quantized is what Optimum's example for text classification quantizes.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from common import CALIBRATION_ROWS, copy_tokenizer, rows_of, session_options, tokenizer_of
from optimum.onnxruntime import ORTModelForSequenceClassification, ORTQuantizer
from optimum.onnxruntime.configuration import AutoCalibrationConfig, AutoQuantizationConfig
from optimum.onnxruntime.preprocessors import QuantizationPreprocessor
from optimum.onnxruntime.preprocessors.passes import (
    ExcludeGeLUNodes,
    ExcludeLayerNormNodes,
    ExcludeNodeAfter,
    ExcludeNodeFollowedBy,
)

STATIC_OPERATORS = ["MatMul", "Add"]


def make(option: str, source: Path, rows: Path, target: Path) -> None:
    """Export to ``target``, or quantize an export of it."""
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        exported = target if option == "fp32" else Path(scratch) / "exported"
        model = ORTModelForSequenceClassification.from_pretrained(source, export=True)
        model.save_pretrained(exported)
        if option == "dynamic":
            settings = _preset()(is_static=False)
            ORTQuantizer.from_pretrained(exported).quantize(settings, target)
        elif option == "static":
            _static(exported, source, rows, target)
    copy_tokenizer(source, target)


def load(_option: str, target: Path) -> Any:
    """Through Optimum's model class."""
    model = ORTModelForSequenceClassification.from_pretrained(
        target, provider="CPUExecutionProvider", session_options=session_options()
    )
    encode = tokenizer_of(target, "np")
    return lambda texts: model(**encode(texts)).logits.tolist()


def _preset() -> Callable[..., Any]:
    """Optimum's preset for the instructions of this processor."""
    flags = Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
    if "avx512_vnni" in flags:
        return AutoQuantizationConfig.avx512_vnni
    return AutoQuantizationConfig.avx512 if "avx512f" in flags else AutoQuantizationConfig.avx2


def _static(exported: Path, source: Path, rows: Path, target: Path) -> None:
    """Min-max over training rows, one at a time, without padding."""
    from datasets import Dataset

    encode = tokenizer_of(source, "np")
    texts = [row["text"] for row in rows_of(rows, "train", CALIBRATION_ROWS)]
    encoded = [{name: found[0].tolist() for name, found in encode([t]).items()} for t in texts]
    quantizer = ORTQuantizer.from_pretrained(exported)
    dataset = quantizer.clean_calibration_dataset(Dataset.from_list(encoded))
    settings = _preset()(is_static=True, operators_to_quantize=STATIC_OPERATORS)
    ranges = quantizer.fit(
        dataset=dataset,
        calibration_config=AutoCalibrationConfig.minmax(dataset),
        onnx_augmented_model_name=exported / "augmented.onnx",
        operators_to_quantize=settings.operators_to_quantize,
    )
    kept = QuantizationPreprocessor()
    kept.register_pass(ExcludeLayerNormNodes())
    kept.register_pass(ExcludeGeLUNodes())
    kept.register_pass(ExcludeNodeAfter("Add", "Add"))
    kept.register_pass(ExcludeNodeAfter("Gather", "Add"))
    kept.register_pass(ExcludeNodeFollowedBy("Add", "Softmax"))
    quantizer.quantize(settings, target, calibration_tensors_range=ranges, preprocessor=kept)
