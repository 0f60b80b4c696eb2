"""How many hardware threads a model computes on: those that this process may use, and no more.

A container's CPU limit is a quota of time, which libraries do not see: on a node of 64 threads they
start 64 in a pod that may use 4, and the kernel then halts all of them for most of every period.
"""

import math
import os
from pathlib import Path


def usable_threads() -> int:
    """Hardware threads on which this process may be scheduled."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def allotted_threads(cgroup: Path = Path("/sys/fs/cgroup")) -> float:
    """Hardware threads that are this process's share: its affinity, or a smaller CPU quota.

    Args:
        cgroup: where the container's own cgroup is mounted (version 2, or 1 with ``cpu/``).
    """
    quota = _quota_v2(cgroup) or _quota_v1(cgroup)
    return min(float(usable_threads()), quota) if quota else float(usable_threads())


def computing_threads() -> int:
    """Threads that a runtime starts: the share, a fraction of one as one more."""
    return math.ceil(allotted_threads())


def limit_torch() -> None:
    """Let PyTorch compute on no more threads than that; fewer stay as they are."""
    import torch

    torch.set_num_threads(min(torch.get_num_threads(), computing_threads()))


def limit_imports() -> None:
    """The same for what is imported or started from here on, unless somebody set a number."""
    if computing_threads() < usable_threads():
        os.environ.setdefault("OMP_NUM_THREADS", str(computing_threads()))


def _quota_v2(cgroup: Path) -> float | None:
    words = _read(cgroup / "cpu.max").split()
    return _share(words[0], words[1]) if len(words) == 2 else None


def _quota_v1(cgroup: Path) -> float | None:
    folder = cgroup / "cpu"
    return _share(_read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us"))


def _share(quota_us: str, period_us: str) -> float | None:
    if not (quota_us.isdecimal() and period_us.isdecimal()) or "0" in (quota_us, period_us):
        return None
    return int(quota_us) / int(period_us)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""
