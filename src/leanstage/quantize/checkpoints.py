"""Quantized checkpoints, which transformers loads from safetensors and ``config.json`` alone."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from leanstage.contracts import Precision
from leanstage.quantize.how import How, group_of, grouped, quiet
from leanstage.variant import Variant, fresh_folder, open_variant
from leanstage.variant.checkpoint import load_checkpoint, parameter_count
from leanstage.variant.folder import copy_tokenizer, seal_like
from leanstage.variant.hardware import computes_bf16, device_type

_NF4_INPUTS = 64
_NF4_OUTPUTS = 32
"""Of what a layer in nf4 has to take and give a multiple: a block of weights of one scale, and the
block of outputs that the processor's kernel is packed for."""
_INT4_GROUP = 32
"""Weights of one scale under torchao."""


def bitsandbytes_int8(source: Variant, target: Path, how: How) -> Variant:
    """LLM.int8 (Dettmers et al. 2022) on every linear layer but the head."""
    from transformers import BitsAndBytesConfig

    def settings(kept: list[str]) -> Any:
        return BitsAndBytesConfig(load_in_8bit=True, llm_int8_skip_modules=kept)

    return _write(source, target, "int8", how, settings)


def bitsandbytes_nf4(source: Variant, target: Path, how: How) -> Variant:
    """NormalFloat in 4 bits (Dettmers et al. 2023), arithmetic as :func:`half` says, no head.

    A layer whose sizes do not divide into its blocks stays in float, too.
    """
    import torch
    from transformers import BitsAndBytesConfig

    def settings(kept: list[str]) -> Any:
        return BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_compute_dtype=half() or torch.float32,
            llm_int8_skip_modules=kept,
        )

    return _write(source, target, "nf4", how, settings, inputs=_NF4_INPUTS, outputs=_NF4_OUTPUTS)


def torchao_int8(source: Variant, target: Path, how: How) -> Variant:
    """Weights in int8 per channel, activations per token as they pass, the head kept out."""
    from torchao.quantization import Int8DynamicActivationInt8WeightConfig
    from transformers import TorchAoConfig

    def settings(kept: list[str]) -> Any:
        config = Int8DynamicActivationInt8WeightConfig()
        return TorchAoConfig(config, modules_to_not_convert=kept)

    return _write(source, target, "int8", how, settings)


def torchao_int4(source: Variant, target: Path, how: How) -> Variant:
    """Weights in int4 in groups, packed for the kernels of a GPU; the head kept out."""
    from torchao.quantization import Int4WeightOnlyConfig
    from transformers import TorchAoConfig

    def settings(kept: list[str]) -> Any:
        config = Int4WeightOnlyConfig(_INT4_GROUP, int4_packing_format="tile_packed_to_4d")
        return TorchAoConfig(config, modules_to_not_convert=kept)

    return _write(source, target, "int4", how, settings, inputs=_INT4_GROUP)


def layers(source: Variant) -> Mapping[str, Sequence[str]]:
    """The groups of layers that can stay in float, the head left out: it always does."""
    names = (name for name, _ in _linear(load_checkpoint(source.path)))
    return grouped(name for name in names if group_of(name) != "head")


def _write(
    source: Variant,
    target: Path,
    precision: Precision,
    how: How,
    settings: Callable[[list[str]], Any],
    *,
    inputs: int = 1,
    outputs: int = 1,
) -> Variant:
    """Quantize a complete checkpoint as it is loaded, and save what that gives.

    Args:
        settings: of transformers, from the names of the layers that stay in float: the head, those
            of ``how``, and those that take or give no multiple of ``inputs`` and ``outputs``.
    """
    plain = load_checkpoint(source.path)
    parameters = parameter_count(plain)
    kept = [
        name
        for name, layer in _linear(plain)
        if group_of(name) in {"head", *how.in_float}
        or layer.in_features % inputs
        or layer.out_features % outputs
    ]
    kind = type(plain)
    del plain
    with quiet():
        model = kind.from_pretrained(
            source.path,
            quantization_config=settings(kept),
            dtype=half() or "auto",
            device_map={"": device_type()},
            use_safetensors=True,
            local_files_only=True,
        )
        with fresh_folder(target) as draft:
            model.save_pretrained(draft)
            copy_tokenizer(source.path, draft)
            seal_like(source, draft, runtime="torch", precision=precision, parameters=parameters)
    return open_variant(target)


def half() -> Any:
    """The half precision that is computed in here; None where none is.

    bfloat16, or float16 on a GPU that emulates that.
    """
    import torch

    if computes_bf16():
        return torch.bfloat16
    return torch.float16 if device_type() == "cuda" else None


def _linear(model: Any) -> list[tuple[str, Any]]:
    import torch

    found = model.named_modules()
    return [(name, layer) for name, layer in found if isinstance(layer, torch.nn.Linear)]
