"""Unoptimized forms of a model: the same weights under another runtime or in bfloat16."""

from pathlib import Path
from typing import Any

from leanstage.contracts import Precision, Runtime
from leanstage.variant.checkpoint import load_checkpoint, parameter_count
from leanstage.variant.export import export_onnx
from leanstage.variant.folder import Variant, copy_tokenizer, fresh_folder, open_variant, seal


def write_onnx(
    source: Variant,
    target: Path,
    *,
    precision: Precision = "fp32",
    transform: Any = None,
) -> Variant:
    """Export a checkpoint to ONNX as a variant of its own.

    ``transform(path)`` may rewrite the exported graph in place, for example quantize it.
    """
    model = load_checkpoint(source.path, attention="eager").float()
    with fresh_folder(target) as draft:
        path = export_onnx(model, draft)
        if transform is not None:
            transform(path)
        # The config names the padding token and the labels; weights stay out.
        model.config.save_pretrained(draft)
        copy_tokenizer(source.path, draft)
        _seal_like(source, draft, "onnxruntime", precision, parameter_count(model))
    return open_variant(target)


def write_bf16(source: Variant, target: Path) -> Variant:
    """The checkpoint with its weights in bfloat16, for PyTorch."""
    import torch

    model = load_checkpoint(source.path).to(torch.bfloat16)
    with fresh_folder(target) as draft:
        model.save_pretrained(draft)
        copy_tokenizer(source.path, draft)
        _seal_like(source, draft, "torch", "bf16", parameter_count(model))
    return open_variant(target)


def unoptimized_forms(baseline: Variant, scratch: Path) -> dict[str, Variant]:
    """Forms a careful team would serve without optimizing anything, by name.

    A saving counts against the cheapest of them: one against a form that nobody should serve
    flatters whoever claims it. Where a GPU answers, or text is written, onnxruntime is left out:
    ours does not do that.
    """
    import torch

    from leanstage.variant.hardware import device_type, supports_bf16

    forms: dict[str, Variant] = {}
    if device_type() == "cuda":
        bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        bf16 = supports_bf16()
    if device_type() == "cpu" and baseline.manifest.task == "text-classification":
        forms["baseline-onnxruntime-fp32"] = write_onnx(baseline, scratch / "onnxruntime-fp32")
    if bf16 and baseline.manifest.precision != "bf16":
        forms["baseline-torch-bf16"] = write_bf16(baseline, scratch / "torch-bf16")
    return forms


def _seal_like(
    source: Variant,
    draft: Path,
    runtime: Runtime,
    precision: Precision,
    parameters: int,
) -> None:
    manifest = source.manifest
    seal(
        draft,
        architecture=manifest.architecture,
        labels=manifest.labels,
        runtime=runtime,
        precision=precision,
        max_length=manifest.max_length,
        parameters=parameters,
        lineage=manifest.lineage,
    )
