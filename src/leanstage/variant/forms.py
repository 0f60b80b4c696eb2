"""Unoptimized forms of a model: the same weights under another runtime or in bfloat16."""

import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from leanstage.contracts import Precision, Serving
from leanstage.variant import hardware
from leanstage.variant.checkpoint import load_checkpoint, parameter_count
from leanstage.variant.export import export_onnx
from leanstage.variant.folder import (
    Variant,
    copy_tokenizer,
    fresh_folder,
    open_variant,
    seal_like,
)
from leanstage.variant.openvino import OPENVINO_FILE, openvino


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
        parameters = parameter_count(model)
        seal_like(source, draft, runtime="onnxruntime", precision=precision, parameters=parameters)
    return open_variant(target)


def write_openvino(source: Variant, target: Path, *, transform: Any = None) -> Variant:
    """A checkpoint as a graph of OpenVINO, weights in float16 and arithmetic in bfloat16.

    ``transform(graph)`` may give another one to be written, which counts as int8.

    Raises:
        InputError: OpenVINO is not installed.
    """
    library = openvino()
    model = load_checkpoint(source.path, attention="eager").float()
    with fresh_folder(target) as draft, tempfile.TemporaryDirectory() as scratch:
        graph = library.Core().read_model(export_onnx(model, Path(scratch)))
        if transform is not None:
            graph = transform(graph)
        path = draft / OPENVINO_FILE
        path.parent.mkdir()
        library.save_model(graph, path, compress_to_fp16=True)
        model.config.save_pretrained(draft)
        copy_tokenizer(source.path, draft)
        seal_like(
            source,
            draft,
            runtime="openvino",
            precision="bf16" if transform is None else "int8",
            parameters=parameter_count(model),
        )
    return open_variant(target)


def write_half(source: Variant, target: Path, precision: Literal["bf16", "fp16"]) -> Variant:
    """The checkpoint with its weights in bfloat16 or float16, for PyTorch."""
    import torch

    half = {"bf16": torch.bfloat16, "fp16": torch.float16}[precision]
    model = load_checkpoint(source.path).to(half)
    with fresh_folder(target) as draft:
        model.save_pretrained(draft)
        copy_tokenizer(source.path, draft)
        parameters = parameter_count(model)
        seal_like(source, draft, runtime="torch", precision=precision, parameters=parameters)
    return open_variant(target)


def write_bf16(source: Variant, target: Path) -> Variant:
    """The checkpoint with its weights in bfloat16, for PyTorch."""
    return write_half(source, target, "bf16")


def unoptimized_forms(
    baseline: Variant, scratch: Path, *, serving: Serving = "any"
) -> dict[str, Variant]:
    """Forms a careful team would serve without optimizing anything, by name.

    A saving counts against the cheapest of them: one against a form that nobody should serve
    flatters whoever claims it. Where a GPU answers, or text is written, the graphs are left out:
    ours do not do that. OpenVINO counts where it is installed, computes in bfloat16, and is not
    ruled out by what serves.
    """
    forms: dict[str, Variant] = {}
    bf16 = hardware.computes_bf16()
    if hardware.device_type() == "cpu" and baseline.manifest.task == "text-classification":
        forms["baseline-onnxruntime-fp32"] = write_onnx(baseline, scratch / "onnxruntime-fp32")
        if bf16 and serving == "any" and find_spec("openvino") is not None:
            forms["baseline-openvino-bf16"] = write_openvino(baseline, scratch / "openvino-bf16")
    if bf16 and baseline.manifest.precision != "bf16":
        forms["baseline-torch-bf16"] = write_bf16(baseline, scratch / "torch-bf16")
    return forms
