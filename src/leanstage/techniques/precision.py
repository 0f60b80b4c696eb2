"""Whether a training runs in bfloat16: where that is the faster arithmetic, as measured."""

import os
import time
from functools import cache
from typing import Any

from leanstage.errors import InputError
from leanstage.variant.hardware import supports_bf16

BF16_VARIABLE = "LEANSTAGE_BF16"
_LEAST_GAIN = 1.25
"""How many times faster it has to be: near one, noise would choose the arithmetic of a result."""
_ROWS, _INPUTS, _OUTPUTS = 512, 384, 1536
_TURNS = 8


def mixed_precision(device_type: str) -> Any:
    """bfloat16 autocast where that is faster, else nothing."""
    import contextlib

    import torch

    if bf16_is_faster(device_type):
        return torch.autocast(device_type, torch.bfloat16)
    return contextlib.nullcontext()


def bf16_is_faster(device_type: str) -> bool:
    """Whether the device trains faster in bfloat16 than in float32.

    A GPU does where it does not emulate it. Of processors, instructions alone do not tell: without
    AMX some have them at half of float32's pace. They are timed once a process; ``LEANSTAGE_BF16``
    with 0 or 1 decides instead.

    Raises:
        InputError: ``LEANSTAGE_BF16`` is neither 0 nor 1.
    """
    import torch

    told = os.environ.get(BF16_VARIABLE)
    if told:
        if told not in ("0", "1"):
            raise InputError(f"{BF16_VARIABLE} is {told!r}; set it to 0 or 1, or leave it out.")
        return told == "1"
    if device_type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return supports_bf16() and _gain() >= _LEAST_GAIN


@cache
def _gain() -> float:
    """How many times faster a layer's products, forward and back, are in bfloat16 here.

    Both take turns, and the fastest of each counts.
    """
    import torch

    shapes = ((_ROWS, _INPUTS), (_OUTPUTS, _INPUTS), (_ROWS, _OUTPUTS))
    kinds = (torch.float32, torch.bfloat16)
    tensors = {kind: [torch.ones(shape, dtype=kind) for shape in shapes] for kind in kinds}
    fastest = dict.fromkeys(kinds, float("inf"))
    for _ in range(_TURNS):
        for kind, (rows, weights, gradient) in tensors.items():
            began = time.perf_counter()
            rows @ weights.T
            gradient @ weights
            gradient.T @ rows
            fastest[kind] = min(fastest[kind], time.perf_counter() - began)
    return fastest[torch.float32] / fastest[torch.bfloat16]
