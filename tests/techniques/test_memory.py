"""What training frees is used again, instead of being cleared by the kernel page by page."""

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
import torch
from leanstage.techniques.memory import keep_freed_memory

if sys.argv[1] == "kept":
    assert keep_freed_memory()

def step():
    # 48 MiB each, as a batch's hidden states take.
    return [torch.ones(3 * 2**22) for _ in range(4)]

for _ in range(3):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
def test_tensors_that_come_and_go_are_not_mapped_anew() -> None:
    faults = {
        mode: int(subprocess.check_output([sys.executable, "-c", FAULTS, mode], text=True))
        for mode in ("kept", "as-it-is")
    }
    whole = 10 * 4 * 3 * 2**24 // 4096
    assert faults["kept"] < whole / 10
    assert faults["kept"] < faults["as-it-is"] / 2
