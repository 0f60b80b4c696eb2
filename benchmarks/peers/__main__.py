"""leanstage and other toolkits on one model and one set, row by row.

``.venv/bin/python -m benchmarks.peers --set topics --model minilm [--only NAME ...]``, by hand on a
quiet machine. Each row has its own environment, is capped at 40 minutes, and is written to
``benchmarks/results/peers-SET-MODEL.json`` as soon as it is there; a run that was stopped goes on
behind the last. ``--again`` makes the named rows anew. ``python -m benchmarks.peers.page`` draws
the tables and pictures of ``docs/benchmarks.md`` from the files.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.baseline import prepare
from benchmarks.peers.catalogue import ANCHOR, PEERS, Peer
from benchmarks.peers.environments import last_line, python_of, versions_in
from benchmarks.peers.measure import WORKER, Asked, measured, outputs
from benchmarks.peers.sets import MODELS, SETS, labelled
from leanstage.variant.hardware import hardware_profile

RESULTS = Path(__file__).parents[1] / "results"
MINUTES = 40


def main() -> None:
    """Make and measure the rows that are asked for and missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--set", choices=SETS, required=True, dest="set_name")
    parser.add_argument("--model", choices=MODELS, required=True)
    names = [peer.name for peer in PEERS]
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="NAME")
    parser.add_argument("--again", action="store_true", help="rows that are there, too")
    parser.add_argument("--work", type=Path, default=Path(".leanstage/benchmark-peers"))
    asked = parser.parse_args()
    Bench(asked.work.resolve(), asked.set_name, asked.model).run(set(asked.only), asked.again)


class Bench:
    """One set and one model."""

    def __init__(self, work: Path, set_name: str, model: str) -> None:
        self.found = labelled(set_name)
        self.home = work / f"{set_name}-{model}"
        self.environments = work / "environments"
        prepare(self.found, set_name, model, self.home)
        self.results = RESULTS / f"peers-{set_name}-{model}.json"
        self.document = started(
            self.results,
            {
                "set": set_name,
                "model": model,
                "checkpoint_sha256": _sha256(self.home / "checkpoint" / "model.safetensors"),
                "hardware": hardware_profile().model_dump(mode="json"),
            },
        )

    def run(self, names: set[str], again: bool) -> None:
        """The rows in the order of the catalogue."""
        known = {row["name"] for row in self.document["rows"] if "error" not in row}
        for peer in PEERS:
            if peer.name not in names or (peer.name in known and not again):
                continue
            print(peer.name, flush=True)
            row = self.row(peer, again)
            print("  " + (row.get("error") or _summary(row)), flush=True)
            self.keep(row)

    def row(self, peer: Peer, again: bool) -> dict[str, Any]:
        """The figures of one peer; where it does not run, a row that says so."""
        row: dict[str, Any] = {"name": peer.name, "about": peer.about, "optimized": peer.optimized}
        log = self.home / f"{peer.name.replace(' ', '-')}.log"
        log.unlink(missing_ok=True)
        try:
            return row | self.made(peer, again, log) | self.costs(peer, log)
        except (RuntimeError, ValueError, OSError) as error:
            return row | {"error": f"{error}"}

    def made(self, peer: Peer, again: bool, log: Path) -> dict[str, Any]:
        """Its form on disk, and what making it took."""
        python = python_of(peer.environment, self.environments, log)
        target, note = self.form(peer), self.form(peer).with_suffix(".json")
        if again or not note.is_file():
            shutil.rmtree(target, ignore_errors=True)
            command = [python, WORKER, peer.adapter, "make", peer.option]
            paths = [self.home / "checkpoint", self.home / "rows", target]
            with log.open("a", encoding="utf-8") as stream:
                try:
                    finished = subprocess.run(
                        [str(part) for part in (*command, *paths)],
                        stdout=subprocess.PIPE,
                        stderr=stream,
                        timeout=MINUTES * 60,
                        check=False,
                        env=os.environ | {"HF_HUB_OFFLINE": "1"},
                    )
                except subprocess.TimeoutExpired:
                    raise RuntimeError(f"was stopped after {MINUTES} minutes") from None
            if finished.returncode:
                raise RuntimeError(f"does not run: {last_line(log)}")
            seconds = json.loads(finished.stdout)["seconds"]
            made = {"seconds_to_produce": seconds, "bytes": _bytes(target)}
            note.write_text(json.dumps(made), encoding="utf-8")
        made = json.loads(note.read_text(encoding="utf-8"))
        return {**made, "versions": versions_in(python)}

    def costs(self, peer: Peer, log: Path) -> dict[str, Any]:
        """Beside the anchor, both in processes of their own."""
        anchor = self.form(ANCHOR)
        if not anchor.is_dir():
            self.made(ANCHOR, False, log)
        first = python_of(ANCHOR.environment, self.environments, log)
        python = python_of(peer.environment, self.environments, log)
        try:
            with (
                Asked.running(first, ANCHOR, anchor, log) as before,
                Asked.running(python, peer, self.form(peer), log) as after,
            ):
                rows = self.found.rows["evaluation"]
                expected = self.expected(before, [row["text"] for row in rows])
                return measured(after, before, expected, rows, self.found.labels)
        except RuntimeError as error:
            raise RuntimeError(f"{error}: {last_line(log)}") from error

    def expected(self, anchor: Asked, texts: Sequence[str]) -> NDArray[np.float64]:
        """What the anchor says to the evaluation rows, which is asked once."""
        path = self.home / "anchor.npy"
        if not path.is_file():
            np.save(path, outputs(anchor, texts))
        found: NDArray[np.float64] = np.load(path)
        return found

    def form(self, peer: Peer) -> Path:
        """Folder of its form."""
        return self.home / "forms" / peer.name.replace(" ", "-")

    def keep(self, row: dict[str, Any]) -> None:
        """Lay the row into the document, in the order of the catalogue."""
        order = [peer.name for peer in PEERS]
        rows = [other for other in self.document["rows"] if other["name"] != row["name"]]
        self.document["rows"] = sorted([*rows, row], key=lambda one: order.index(one["name"]))
        draft = self.results.with_suffix(".draft")
        draft.write_text(json.dumps(self.document, indent=1) + "\n", encoding="utf-8")
        draft.replace(self.results)


def started(path: Path, of: dict[str, Any]) -> dict[str, Any]:
    """The rows that are there, or none yet.

    Raises:
        SystemExit: those that are there are of another machine or another fine-tuning.
    """
    if not path.is_file():
        return {**of, "rows": []}
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    other = [name for name in of if found.get(name) != of[name]]
    if other:
        raise SystemExit(
            f"the rows in {path} were measured with another {', another '.join(other)}; move the "
            "file away to measure all of them here."
        )
    return found


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _summary(row: dict[str, Any]) -> str:
    return (
        f"{row['accuracy']:.2%} ({row['difference'] * 100:+.2f}), "
        f"{row['cpu_seconds_per_1000']:.2f} s per 1,000, {1 / row['of_fp32']:.1f} times cheaper"
    )


if __name__ == "__main__":
    main()
