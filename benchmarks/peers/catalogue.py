"""The rows of the comparison: which adapter makes them, with what, in which environment."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Peer:
    """One row.

    Attributes:
        adapter: module in ``adapters/``.
        option: that the adapter is told.
        environment: file in ``requirements/`` without its ending; empty is leanstage's own.
        about: what a reader has to know of it.
        optimized: whether more than the runtime or the precision changes.
    """

    name: str
    adapter: str
    option: str
    environment: str
    about: str
    optimized: bool = True


PEERS = (
    Peer("pytorch-fp32", "pytorch", "fp32", "torch", "as fine-tuned", optimized=False),
    Peer("pytorch-bf16", "pytorch", "bf16", "torch", "weights in bfloat16", optimized=False),
    Peer(
        "onnxruntime-fp32",
        "optimum_onnx",
        "fp32",
        "optimum",
        "exported by Optimum",
        optimized=False,
    ),
    Peer(
        "openvino",
        "openvino_nncf",
        "default",
        "openvino",
        "weights in float16; computes in bfloat16 by default where the processor has units for it",
        optimized=False,
    ),
    Peer("optimum-int8-dynamic", "optimum_onnx", "dynamic", "optimum", "preset for the processor"),
    Peer(
        "optimum-int8-static",
        "optimum_onnx",
        "static",
        "optimum",
        "min-max over 256 rows",
    ),
    Peer(
        "olive-optimize",
        "olive_auto",
        "optimize",
        "olive",
        "`olive optimize`, CPU, int8, calibrated on 256 rows",
    ),
    Peer("olive-auto-opt", "olive_auto", "auto-opt", "olive", "`olive auto-opt`, CPU, int8"),
    Peer("nncf-int8", "openvino_nncf", "int8", "openvino", "`nncf.quantize` for transformers"),
    Peer(
        "nncf-accuracy-aware",
        "openvino_nncf",
        "aware",
        "openvino",
        "`nncf.quantize_with_accuracy_control`, at most 1 point lost on the validation rows",
    ),
    Peer("neural-compressor", "inc_static", "static", "inc", "static int8, compiled"),
    Peer("torchao", "torchao_int8", "int8", "torchao", "int8 activations and weights, compiled"),
    Peer("bitsandbytes", "bitsandbytes_int8", "int8", "torch", "LLM.int8"),
    Peer("leanstage distill", "lean", "distill", "", "that technique alone"),
    Peer("leanstage prune", "lean", "prune", "", "that technique alone"),
    Peer("leanstage quantize", "lean", "quantize", "", "that technique alone"),
    Peer("leanstage", "lean", "all", "", "distill, prune, quantize by the default policy"),
)
ANCHOR = PEERS[0]
"""Beside which each row is measured."""
