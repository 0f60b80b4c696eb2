"""Facts about the machine the task runs on, read and never assumed."""

import os
import platform
import subprocess
from pathlib import Path

from leanstage.contracts import HardwareProfile
from leanstage.variant.threads import usable_threads

_X86 = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "avx_vnni", "amx_int8", "amx_bf16")
_ARM = ("asimd", "asimdhp", "asimddp", "i8mm", "bf16", "sve", "sve2")
_BF16 = frozenset({"avx512_bf16", "amx_bf16"})
_FP16 = frozenset({"avx512_fp16", "amx_fp16"})
_CPUINFO = Path("/proc/cpuinfo")


def hardware_profile() -> HardwareProfile:
    """The processor, its instruction sets, memory and accelerators of this machine."""
    facts = _cpuinfo()
    flags = frozenset((facts.get("flags") or facts.get("Features", "")).split())
    return HardwareProfile(
        cpu=facts.get("model name") or _arm_name(facts) or platform.machine(),
        family=_integer(facts.get("cpu family")),
        model=_integer(facts.get("model")),
        threads=usable_threads(),
        memory_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        features=tuple(name for name in (*_X86, *_ARM) if name in flags),
        accelerators=_accelerators(),
    )


def device_type() -> str:
    """Where PyTorch trains and answers here: ``cuda`` or ``cpu``."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def supports_bf16() -> bool:
    """Whether this processor computes in bfloat16; emulated, it is slower than float32."""
    return bool(_BF16 & set(_cpuinfo().get("flags", "").split()))


def computes_bf16() -> bool:
    """Whether what answers here computes in bfloat16: a GPU since Ampere, or such a processor."""
    if device_type() == "cuda":
        import torch

        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return supports_bf16()


def supports_fp16() -> bool:
    """Whether what answers here computes in float16: a GPU, or a processor with units for it."""
    return device_type() == "cuda" or bool(_FP16 & set(_cpuinfo().get("flags", "").split()))


def int8_saturates() -> bool:
    """Whether products of int8 are added in 16 bits here, where two of them may not fit.

    So it is on x86 without VNNI; weights of seven bits always fit (onnxruntime's documentation of
    ``reduce_range``).
    """
    flags = set(_cpuinfo().get("flags", "").split())
    return "avx2" in flags and not flags & {"avx512_vnni", "avx_vnni"}


def _cpuinfo() -> dict[str, str]:
    if not _CPUINFO.is_file():
        return {}
    first = _CPUINFO.read_text(encoding="utf-8").split("\n\n", 1)[0]
    pairs = (line.split(":", 1) for line in first.splitlines() if ":" in line)
    return {name.strip(): value.strip() for name, value in pairs}


def _arm_name(facts: dict[str, str]) -> str:
    """Implementer and part, all that the kernel tells of an Arm processor; empty elsewhere."""
    part = facts.get("CPU part")
    return f"arm-{facts.get('CPU implementer', '')}-{part}" if part else ""


def _integer(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() else None


def _accelerators() -> tuple[str, ...]:
    """Names of the NVIDIA devices here; none where PyTorch cannot use them, since the processor
    answers then: hidden from CUDA, not given to this pod, or a PyTorch without CUDA."""
    names = _listed_by_kernel() or _listed_by_tool()
    return names if names and device_type() == "cuda" else ()


def _listed_by_kernel() -> tuple[str, ...]:
    names = []
    for information in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information")):
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("Model:"):
                names.append(line.split(":", 1)[1].strip())
    return tuple(names)


def _listed_by_tool() -> tuple[str, ...]:
    """The same from the driver's own tool: some sandboxes hide the kernel's list."""
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return tuple(told.stdout.split("\n")[:-1]) if told.returncode == 0 else ()
