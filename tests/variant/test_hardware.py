"""Facts about this machine, and the accelerators that only the driver's tool tells."""

import os
from pathlib import Path

import pytest

from leanstage.contracts import HardwareProfile
from leanstage.variant.hardware import hardware_profile, int8_saturates

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
    monkeypatch.setattr("leanstage.variant.hardware.device_type", lambda: "cuda")
    assert hardware_profile().accelerators == ("NVIDIA H100 80GB HBM3", "NVIDIA L4")


def test_a_gpu_that_cannot_be_used_here_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", tool(tmp_path, 'echo "NVIDIA L4"'))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert hardware_profile().accelerators == ()


def test_a_tool_without_a_driver_tells_of_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = hardware_profile()
    monkeypatch.setenv("PATH", tool(tmp_path, "echo no driver; exit 9"))
    assert hardware_profile().accelerators == ()
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert hardware_profile() == here.model_copy(update={"accelerators": ()})


GRAVITON = """\
processor\t: 0
BogoMIPS\t: {mips}
Features\t: {features}
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: {variant}
CPU part\t: {part}
CPU revision\t: 1

processor\t: 1
BogoMIPS\t: {mips}
"""
"""As Arm Linux writes /proc/cpuinfo: no name, no family, no model."""
GRAVITON2 = {
    "mips": "243.75", "variant": "0x3", "part": "0xd0c",
    "features": "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm "
    "lrcpc dcpop asimddp ssbs",
}  # fmt: skip
GRAVITON4 = {
    "mips": "2000.00", "variant": "0x0", "part": "0xd4f",
    "features": "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm "
    "jscvt fcma lrcpc dcpop sha3 asimddp sha512 sve asimdfhm dit uscat ilrcpc flagm sb paca pacg "
    "dcpodp sve2 sveaes svepmull svebitperm svesha3 flagm2 frint svei8mm svebf16 i8mm bf16 dgh rng "
    "bti",
}  # fmt: skip


def machine(text: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> HardwareProfile:
    """The profile of a machine whose kernel tells this of its processors."""
    (folder / "cpuinfo").write_text(text, encoding="utf-8")
    monkeypatch.setattr("leanstage.variant.hardware._CPUINFO", folder / "cpuinfo")
    return hardware_profile()


def test_arm_processors_are_told_apart_by_implementer_and_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new, bare = (
        machine(GRAVITON.format(**told), tmp_path, monkeypatch)
        for told in (GRAVITON2, GRAVITON4, GRAVITON4 | {"part": "0xd0c"})
    )
    assert (old.cpu, old.features) == ("arm-0x41-0xd0c", ("asimd", "asimdhp", "asimddp"))
    assert new.cpu == "arm-0x41-0xd4f"
    assert {"i8mm", "bf16", "sve", "sve2"} <= set(new.features)
    assert len({each.node_sha256() for each in (old, new, bare)}) == 3
    assert old.same_node(old)
    assert not old.same_node(new)


def test_a_machine_of_which_only_the_architecture_is_known_is_like_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unknown = machine("processor\t: 0\nhart\t: 1\nisa\t: rv64imafdc\n", tmp_path, monkeypatch)
    assert not unknown.same_node(unknown)


@pytest.mark.parametrize(
    ("flags", "saturates"),
    [
        ("fpu avx avx2", True),
        ("fpu avx2 avx512f", True),
        ("fpu avx2 avx512f avx512_vnni", False),
        ("fpu avx2 avx_vnni", False),
        ("fpu sse4_2", False),
    ],
)
def test_int8_needs_seven_bits_where_products_are_added_in_sixteen(
    flags: str, saturates: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\nflags\t\t: {flags}\n\nprocessor\t: 1\n")
    monkeypatch.setattr("leanstage.variant.hardware._CPUINFO", tmp_path / "cpuinfo")
    assert int8_saturates() is saturates
