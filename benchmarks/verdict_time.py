"""How long a verdict takes and how much memory: answers to many rows, many slices, two candidates.

Run by hand: ``.venv/bin/python benchmarks/verdict_time.py [--rows N] [--slices N]``. The files of
the evidence are made first; the figures are of a fresh process that reads them and decides.
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from leanstage.contracts import (
    Arm,
    Champion,
    Check,
    EnergyComparison,
    Evaluation,
    MeterInfo,
    ModelPolicy,
    ModelVersion,
    Role,
    VariantManifest,
    Window,
    Workload,
)
from leanstage.energy.ratios import energy_ratio
from leanstage.gate import Baseline, Candidate, Evidence, decide
from leanstage.gate.dossier import CandidateFiles
from leanstage.tasks import EVALUATION_FILE, PREDICTIONS_FILE, Predictions, Slicing, compare
from leanstage.variant.digest import file_sha256
from leanstage.variant.hardware import hardware_profile

DIGEST: dict[Role, str] = {"baseline": "b" * 64, "optimized": "1" * 64, "fallback": "2" * 64}
CHAMPION, DATA = "c" * 64, "d" * 64
POLICY = ModelPolicy(slices=("label", "segment"))
GOAL_SECONDS, GOAL_BYTES = 10, 10**9
MANIFEST_FILE = "manifest.json"


def main() -> None:
    """Make the files, decide on them in a fresh process, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--slices", type=int, default=1000, help="the classes among them")
    parser.add_argument("--classes", type=int, default=20)
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.folder:
        print(json.dumps(verdict(options.folder)))
        return
    with tempfile.TemporaryDirectory(prefix="leanstage-verdict-") as scratch:
        write(Path(scratch), options.rows, options.slices, options.classes)
        began = time.monotonic()
        command = [sys.executable, __file__, "--folder", scratch]
        output = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
        total = time.monotonic() - began
    settings = {name: getattr(options, name) for name in ("rows", "slices", "classes")}
    figures = {**settings, **json.loads(output), "process_seconds": total}
    show(figures)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def verdict(folder: Path) -> dict[str, object]:
    """Read the evidence and decide, as the gate does."""
    began = time.monotonic()
    evidence = Evidence(
        source=version("3"),
        baseline=Baseline(VariantManifest.load(folder / MANIFEST_FILE), DIGEST["baseline"]),
        candidates=(read(folder, "optimized"), read(folder, "fallback")),
        champion=Champion(version=version("2"), digest=CHAMPION),
        deploy="optimized",
        hardware=hardware_profile(),
        run_id="benchmark",
        now=datetime.now(UTC),
        guarantee="none",
        untrusted=None,
    )
    read_seconds = time.monotonic() - began
    decision = decide(evidence, POLICY)
    return {
        "verdict": decision.verdict,
        "judged_slices": len(decision.judgements[0].slices),
        "read_seconds": read_seconds,
        "decide_seconds": time.monotonic() - began - read_seconds,
        "peak_memory_bytes": peak_memory(),
    }


def read(folder: Path, role: Role) -> Candidate:
    """One candidate from its files; its bytes are not part of what is timed."""
    files = CandidateFiles(folder / role, folder / role, folder / role / "energy.json")
    return Candidate(
        role,
        VariantManifest.load(folder / role / MANIFEST_FILE),
        DIGEST[role],
        files.read_evaluation(),
        files.read_energy(),
        files.read_predictions(),
    )


def version(number: str) -> ModelVersion:
    """A version of the model."""
    return ModelVersion(name="reviews", version=number, created_ms=1_700_000_000_000)


def peak_memory() -> int:
    """Most memory (bytes) that this process held at once, since it was started."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def write(folder: Path, rows: int, slices: int, classes: int) -> None:
    """Evidence that adds up, on models that are right in nine of ten rows."""
    rng = np.random.default_rng(20)
    labels = rng.integers(classes, size=rows, dtype=np.int32)
    values = tuple(f"segment {number:05}" for number in range(slices - classes))
    codes = rng.integers(len(values), size=rows, dtype=np.int32)
    baseline, champion = answers(labels, classes, rng), answers(labels, classes, rng)
    names = tuple(f"class {number:03}" for number in range(classes))
    manifest(names, "baseline").save(folder / MANIFEST_FILE)
    for role in ("optimized", "fallback"):
        predictions = Predictions(
            labels,
            baseline,
            answers(labels, classes, rng),
            champion,
            {"segment": Slicing(values, codes)},
        )
        path = predictions.save(folder / role / PREDICTIONS_FILE)
        Evaluation(
            **compare(predictions, names, champion_digest=CHAMPION).figures(),
            baseline_digest=DIGEST["baseline"],
            candidate_digest=DIGEST[role],
            dataset_sha256=DATA,
            predictions_sha256=file_sha256(path),
            seconds=1.0,
        ).save(folder / role / EVALUATION_FILE)
        manifest(names, role).save(folder / role / MANIFEST_FILE)
        energy(role).save(folder / role / "energy.json")


def answers(labels: np.ndarray, classes: int, rng: np.random.Generator) -> np.ndarray:
    """Answers that are wrong in one row of ten."""
    wrong = rng.random(len(labels)) < 0.1
    shift = rng.integers(1, classes, size=len(labels), dtype=np.int32)
    return np.where(wrong, (labels + shift) % classes, labels).astype(np.int32)


def manifest(labels: tuple[str, ...], role: Role) -> VariantManifest:
    """A manifest with the digest that ``role`` has here."""
    return VariantManifest(
        architecture="BertForSequenceClassification",
        labels=labels,
        runtime="torch",
        precision="fp32",
        max_length=64,
        parameters=1000 if role == "baseline" else 500,
        bytes=4000,
        digest=DIGEST[role],
    )


def energy(role: Role) -> EnergyComparison:
    """Ten blocks in which the candidate needs a third of the energy."""
    levels = {"baseline": 3.0, "candidate": 1.0, "control": 1.0}
    digests = {"baseline": DIGEST["baseline"], "candidate": DIGEST[role], "control": DIGEST[role]}
    windows = tuple(
        Window(
            arm=arm,
            block=block,
            answers=1,
            wall_seconds=1.0,
            cpu_seconds=1.0,
            joules=level * math.exp(0.01 * math.sin(block * level + len(arm))),
        )
        for block in range(10)
        for arm, level in levels.items()
    )
    arms = []
    for arm in levels:
        joules = sum(window.joules for window in windows if window.arm == arm) / 10
        arms.append(
            Arm(
                name=arm,
                runtime="torch",
                precision="fp32",
                digest=digests[arm],
                joules_per_answer=joules,
                wh_per_1000=joules / 3.6,
                cpu_ms_per_answer=1.0,
                latency_p50_ms=1.0,
                latency_p95_ms=2.0,
                load_seconds=1.0,
                peak_rss_bytes=10**8,
            )
        )
    ratio = energy_ratio(windows, "candidate", "baseline")
    return EnergyComparison(
        meter=MeterInfo(name="rapl", tier="measured", boundary="package"),
        workload=Workload(batch_size=8, rows=200, dataset_sha256=DATA, label="sample"),
        node=hardware_profile(),
        environment={},
        arms=tuple(arms),
        windows=windows,
        registered=ratio,
        strongest=ratio,
        control=energy_ratio(windows, "control", "candidate"),
        checks=(Check(name="control", passed=True, detail="A/A."),),
        baseline_digest=DIGEST["baseline"],
        candidate_digest=DIGEST[role],
        seconds=60.0,
    )


def show(figures: dict[str, object]) -> None:
    """Print the table."""
    taken = float(str(figures["read_seconds"])) + float(str(figures["decide_seconds"]))
    memory = float(str(figures["peak_memory_bytes"]))
    table = Table(title=f"{figures['verdict']} on {figures['rows']:,} rows, two candidates")
    table.add_column("figure")
    table.add_column("value", justify="right")
    table.add_column("goal", justify="right")
    table.add_row("slices judged", f"{figures['judged_slices']:,}", "")
    table.add_row("reading the evidence", f"{figures['read_seconds']:.2f} s", "")
    table.add_row("deciding", f"{figures['decide_seconds']:.2f} s", "")
    table.add_row("both", f"{taken:.2f} s", f"under {GOAL_SECONDS} s")
    table.add_row("the whole process", f"{figures['process_seconds']:.2f} s", "")
    table.add_row("peak memory", f"{memory / 1e9:.2f} GB", f"under {GOAL_BYTES / 1e9:.0f} GB")
    Console().print(table)


if __name__ == "__main__":
    main()
