"""Runtimes compute on the processors that a container may use, not on all that it sees."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from leanstage.serving import child
from leanstage.variant import load_predictor
from leanstage.variant.adopt import adopt
from leanstage.variant.forms import write_onnx
from leanstage.variant.threads import allotted_threads, computing_threads, usable_threads


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"cpu.max": "50000 100000"}, 0.5),
        ({"cpu/cpu.cfs_quota_us": "25000", "cpu/cpu.cfs_period_us": "100000"}, 0.25),
    ],
)
def test_a_quota_limits_the_share(tmp_path: Path, files: dict[str, str], expected: float) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert allotted_threads(tmp_path) == expected


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"cpu.max": "max 100000"},
        {"cpu.max": "99900000 100000"},
        {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"},
    ],
)
def test_without_a_quota_the_affinity_is_the_share(tmp_path: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert allotted_threads(tmp_path) == usable_threads()


@pytest.mark.parametrize(("share", "threads"), [(0.5, 1), (1.0, 1), (2.5, 3)])
def test_a_fraction_of_a_thread_is_one_more(
    monkeypatch: pytest.MonkeyPatch, share: float, threads: int
) -> None:
    monkeypatch.setattr("leanstage.variant.threads.allotted_threads", lambda: share)
    assert computing_threads() == threads


@pytest.mark.parametrize(
    ("share", "usable", "set_before", "then"),
    [(2.5, 64, None, "3"), (2.5, 64, "1", "1"), (64.0, 64, None, None)],
)
def test_a_server_that_is_started_keeps_to_the_quota(
    monkeypatch: pytest.MonkeyPatch,
    share: float,
    usable: int,
    set_before: str | None,
    then: str | None,
) -> None:
    monkeypatch.setattr("leanstage.variant.threads.allotted_threads", lambda: share)
    monkeypatch.setattr("leanstage.variant.threads.usable_threads", lambda: usable)
    monkeypatch.setattr("leanstage.serving.child.die_with_parent", lambda: None)
    # Set first, so that it is as before once the test is over.
    monkeypatch.setenv("OMP_NUM_THREADS", set_before or "")
    if set_before is None:
        monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setattr(sys, "argv", ["child", "os:getpid"])
    child.main()
    assert os.environ.get("OMP_NUM_THREADS") == then


def test_either_runtime_keeps_to_the_quota(
    tiny_checkpoint: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(8)
    monkeypatch.setattr("leanstage.variant.threads.allotted_threads", lambda: 1.0)
    try:
        plain = adopt(tiny_checkpoint("bert"), tmp_path / "plain")
        load_predictor(plain.path)
        assert torch.get_num_threads() == 1
        graph = load_predictor(write_onnx(plain, tmp_path / "graph").path)
    finally:
        torch.set_num_threads(before)
    assert graph._session.get_session_options().intra_op_num_threads == 1
