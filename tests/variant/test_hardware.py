"""Facts about this machine, and the accelerators that only the driver's tool tells."""

import os
from pathlib import Path

import pytest

from leanstage.variant.hardware import hardware_profile

pytestmark = pytest.mark.skipif(
    Path("/proc/driver/nvidia/gpus").exists(), reason="the kernel lists this machine's own GPUs"
)


def tool(folder: Path, body: str) -> str:
    """A PATH on which ``nvidia-smi`` does this."""
    path = folder / "nvidia-smi"
    path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    path.chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


def test_accelerators_are_told_by_the_tool_of_the_driver(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = 'printf "NVIDIA H100 80GB HBM3\\nNVIDIA L4\\n"'
    monkeypatch.setenv("PATH", tool(tmp_path, said))
    assert hardware_profile().accelerators == ("NVIDIA H100 80GB HBM3", "NVIDIA L4")


def test_a_tool_without_a_driver_tells_of_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = hardware_profile()
    monkeypatch.setenv("PATH", tool(tmp_path, "echo no driver; exit 9"))
    assert hardware_profile().accelerators == ()
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert hardware_profile() == here.model_copy(update={"accelerators": ()})
