"""The backends, each a function from a checkpoint to a variant. Adding one is adding a row."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from leanstage.contracts import Precision
from leanstage.variant import Variant, fresh_folder, open_variant, seal
from leanstage.variant.checkpoint import parameter_count
from leanstage.variant.folder import copy_tokenizer
from leanstage.variant.forms import write_bf16, write_onnx

Backend = Callable[[Variant, Path], Variant]


def onnxruntime_int8(source: Variant, target: Path) -> Variant:
    """Weights in int8 per output channel, activations quantized as they pass (dynamic)."""

    def quantize(path: Path) -> None:
        from onnxruntime.quantization import QuantType, quantize_dynamic

        float_path = path.with_suffix(".float.onnx")
        path.rename(float_path)
        quantize_dynamic(float_path, path, per_channel=True, weight_type=QuantType.QInt8)
        float_path.unlink()

    return write_onnx(source, target, precision="int8", transform=quantize)


def bitsandbytes_int8(source: Variant, target: Path) -> Variant:
    """LLM.int8 (Dettmers et al. 2022) on every linear layer but the classification head."""
    return bitsandbytes(source, target, "int8", load_in_8bit=True)


def bitsandbytes(source: Variant, target: Path, precision: Precision, **settings: Any) -> Variant:
    """A form of bitsandbytes on every linear layer but the classification head.

    Args:
        settings: of ``BitsAndBytesConfig``.
    """
    from transformers import AutoModelForSequenceClassification, BitsAndBytesConfig

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plain = AutoModelForSequenceClassification.from_pretrained(
            source.path, use_safetensors=True, local_files_only=True
        )
        parameters = parameter_count(plain)
        heads = [name for name, _ in plain.named_children() if name != plain.base_model_prefix]
        model = AutoModelForSequenceClassification.from_pretrained(
            source.path,
            quantization_config=BitsAndBytesConfig(llm_int8_skip_modules=heads, **settings),
            use_safetensors=True,
            local_files_only=True,
        )
    with fresh_folder(target) as draft:
        model.save_pretrained(draft)
        copy_tokenizer(source.path, draft)
        seal(
            draft,
            architecture=source.manifest.architecture,
            labels=source.manifest.labels,
            runtime="torch",
            precision=precision,
            max_length=source.manifest.max_length,
            parameters=parameters,
            lineage=source.manifest.lineage,
        )
    return open_variant(target)


def torch_bf16(source: Variant, target: Path) -> Variant:
    """Weights and arithmetic in bfloat16 under PyTorch."""
    return write_bf16(source, target)


BACKENDS: dict[str, Backend] = {
    "onnxruntime-int8": onnxruntime_int8,
    "bitsandbytes-int8": bitsandbytes_int8,
    "torch-bf16": torch_bf16,
}
