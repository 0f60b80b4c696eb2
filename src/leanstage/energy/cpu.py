"""Which CPU this is, and what the whole machine spends on it."""

import os
import platform
from pathlib import Path
from typing import NamedTuple


class CpuIdentity(NamedTuple):
    """The CPU as the kernel names it; ``family`` and ``model`` are None where it is not x86."""

    name: str
    family: int | None
    model: int | None
    threads: int
    """Hardware threads that the kernel shows, whether or not this process may use them."""


def cpu_identity(cpuinfo: Path = Path("/proc/cpuinfo")) -> CpuIdentity:
    """Read the CPU's name, family, model and hardware threads.

    Virtual machines often mask the name ("AMD EPYC"), never family and model.
    """
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    pairs = [(key.strip(), value.strip()) for key, _, value in (x.partition(":") for x in lines)]
    first = dict(reversed(pairs))
    return CpuIdentity(
        name=first.get("model name") or platform.processor() or platform.machine(),
        family=_whole_number(first.get("cpu family")),
        model=_whole_number(first.get("model")),
        threads=sum(key == "processor" for key, _ in pairs) or os.cpu_count() or 1,
    )


def machine_cpu_seconds(stat: Path = Path("/proc/stat")) -> float | None:
    """Processor time that the whole machine has used since it started; None where nobody says.

    Time that a hypervisor gave to other machines is not among it.
    """
    words = _read(stat).partition("\n")[0].split()
    ticks = [_whole_number(word) for word in words[1:8]]
    if words[:1] != ["cpu"] or None in ticks or len(ticks) < 7:
        return None
    user, nice, system, _, _, interrupts, softly = (tick or 0 for tick in ticks)
    return (user + nice + system + interrupts + softly) / os.sysconf("SC_CLK_TCK")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _whole_number(text: str | None) -> int | None:
    try:
        return int(text or "")
    except ValueError:
        return None
