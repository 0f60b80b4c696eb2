"""What this process has spent so far."""

import resource
import sys
from pathlib import Path


def synchronize() -> None:
    """Wait for a GPU to finish, so that what was asked in a window is paid in it."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.synchronize()


def cpu_seconds() -> float:
    """Processor time of all its threads, in user and kernel mode."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def peak_rss_bytes() -> int:
    """Peak resident memory of this program.

    ``ru_maxrss`` survives ``exec`` and would be the parent's where that is the larger, so the
    kernel's per-program figure is read.
    """
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("/proc/self/status states no VmHWM")
