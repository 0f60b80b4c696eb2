"""Memory that training frees and asks for again, step by step."""

import ctypes
import platform

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4
_PADDING = 64 * 2**20


def keep_freed_memory() -> bool:
    """Have the C library keep what is freed; False where it is another than glibc.

    glibc maps every large tensor anew and gives it back to the kernel, which clears each page
    again: a million page faults a training step, and a third of its time on two threads. What is
    kept costs no more than the peak of a step, and lasts for the rest of the process.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    libc = ctypes.CDLL(None)
    wanted = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, 2**31 - 1), (_TOP_PAD, _PADDING))
    told = [libc.mallopt(parameter, value) for parameter, value in wanted]
    return all(told)
