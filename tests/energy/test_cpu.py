import os
from pathlib import Path

import pytest

from leanstage.energy.cpu import cpu_identity, machine_cpu_seconds

MASKED_GENOA = """\
processor\t: 0
vendor_id\t: AuthenticAMD
cpu family\t: 25
model\t\t: 17
model name\t: AMD EPYC

processor\t: 1
vendor_id\t: AuthenticAMD
cpu family\t: 25
model\t\t: 17
model name\t: AMD EPYC
"""
ARM = "processor\t: 0\nBogoMIPS\t: 50.00\nCPU implementer\t: 0x41\n"


def test_reads_name_family_model_and_threads(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(MASKED_GENOA)
    assert cpu_identity(cpuinfo) == ("AMD EPYC", 25, 17, 2)


def test_family_and_model_are_none_where_the_cpu_has_none(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(ARM)
    assert cpu_identity(cpuinfo)[1:] == (None, None, 1)


def test_without_cpuinfo_the_threads_are_still_known(tmp_path: Path) -> None:
    assert cpu_identity(tmp_path / "absent").threads >= 1


def test_time_of_the_whole_machine_leaves_out_rest_and_what_was_stolen(tmp_path: Path) -> None:
    stat = tmp_path / "stat"
    stat.write_text("cpu  100 20 30 5000 700 4 6 900 50 0\ncpu0 1 1 1 1 1 1 1 1 1 1\n")
    ticks = 100 + 20 + 30 + 4 + 6
    assert machine_cpu_seconds(stat) == pytest.approx(ticks / os.sysconf("SC_CLK_TCK"))


@pytest.mark.parametrize("text", ["", "cpu  1 2 3\n", "cpu  a b c d e f g\n", "intr 1\n"])
def test_time_of_the_whole_machine_is_unknown_where_nobody_says(tmp_path: Path, text: str) -> None:
    stat = tmp_path / "stat"
    stat.write_text(text)
    assert machine_cpu_seconds(stat) is None
    assert machine_cpu_seconds(tmp_path / "absent") is None
