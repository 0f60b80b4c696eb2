"""Time to verify a promoted variant of 2 GB beside ``sha256sum`` over the same files.

Run by hand on a quiet machine: ``.venv/bin/python benchmarks/verify_time.py [--json FILE]``. All
run on a warm page cache, in turn. ``verify`` is the call as a pod makes it, ``process`` the same in
an interpreter of its own, imports included. ``openssl`` stands beside them because it uses the SHA
instructions of a processor, as Python does and many builds of ``sha256sum`` do not.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from leanstage.contracts import Decision, ModelPolicy, ModelVersion
from leanstage.gate.attestation import lay, sign, trusted_keys, verify
from leanstage.variant import seal

SHARDS, SHARD_BYTES = 4, 500_000_000
ROUNDS = 5
GOAL = 1.3
PROCESS = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from leanstage.gate.attestation import trusted_keys, verify
verify(Path(sys.argv[1]), trusted_keys(), datetime.now(UTC))
"""


def main() -> None:
    """Make the variant, time all in turn, print the table; write it where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="leanstage-verify-") as scratch:
        for name in ("LEANSTAGE_KEY", "LEANSTAGE_KEY_PUBLIC", "LEANSTAGE_TRUST"):
            os.environ.pop(name, None)
        os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{scratch}/mlflow.db"
        folder = promoted(Path(scratch) / "promoted")
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        timings = measure(folder, files)
        size = sum(path.stat().st_size for path in files)
    medians = {
        name: {clock: statistics.median(row[clock] for row in rows) for clock in rows[0]}
        for name, rows in timings.items()
    }
    figures = {
        "bytes": size,
        "files": len(files),
        "cores": os.cpu_count(),
        "sha256sum": version("sha256sum", "--version"),
        "openssl": version("openssl", "version"),
        "seconds": timings,
        "median_seconds": medians,
        "ratio_to_sha256sum": {
            name: {clock: medians[name][clock] / medians["sha256sum"][clock] for clock in row}
            for name, row in medians.items()
            if name != "sha256sum"
        },
        "goal": GOAL,
    }
    show(medians)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def promoted(folder: Path) -> Path:
    """A signed variant whose weights are random."""
    folder.mkdir()
    for shard in range(1, SHARDS + 1):
        header = json.dumps(
            {"weights": {"dtype": "U8", "shape": [SHARD_BYTES], "data_offsets": [0, SHARD_BYTES]}}
        ).encode()
        with (folder / f"model-{shard:05}-of-{SHARDS:05}.safetensors").open("wb") as stream:
            stream.write(len(header).to_bytes(8, "little") + header)
            for _ in range(100):
                stream.write(os.urandom(SHARD_BYTES // 100))
    (folder / "config.json").write_text('{"model_type": "bert"}\n', encoding="utf-8")
    manifest = seal(
        folder,
        architecture="bert",
        labels=("negative", "positive"),
        runtime="torch",
        precision="int8",
        max_length=512,
        parameters=SHARDS * SHARD_BYTES,
        lineage=(),
    )
    policy = ModelPolicy()
    decision = Decision(
        verdict="PROMOTE_OPTIMIZED",
        sentence="A benchmark.",
        promoted="optimized",
        digest=manifest.digest,
        deploy="optimized",
        source=ModelVersion(name="benchmark", version="1", created_ms=0),
        baseline_digest=None,
        policy_name=policy.name,
        policy_sha256=policy.sha256(),
        evidence_sha256="0" * 64,
        guarantee="A benchmark.",
        run_id="benchmark",
        decided=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    lay(folder, sign(decision, policy, folder))
    return folder


def measure(folder: Path, files: list[Path]) -> dict[str, list[dict[str, float]]]:
    """Wall and processor seconds of each way, round by round."""
    trust = trusted_keys()
    hashing = ["sha256sum", *map(str, files)]
    fresh = [sys.executable, "-c", PROCESS, str(folder)]
    ways: dict[str, Callable[[], object]] = {
        "sha256sum": lambda: subprocess.run(hashing, stdout=subprocess.DEVNULL, check=True),
        "openssl": lambda: subprocess.run(
            ["openssl", "dgst", "-sha256", *map(str, files)], stdout=subprocess.DEVNULL, check=True
        ),
        "verify": lambda: verify(folder, trust, datetime.now(UTC)),
        "process": lambda: subprocess.run(fresh, check=True),
    }
    timings: dict[str, list[dict[str, float]]] = {name: [] for name in ways}
    for number in range(ROUNDS + 1):
        for name, way in ways.items():
            began, used = time.perf_counter(), processor_seconds()
            way()
            row = {"wall": time.perf_counter() - began, "cpu": processor_seconds() - used}
            if number:  # the first round warms the page cache
                timings[name].append(row)
    return timings


def version(*command: str) -> str:
    """The first line that a program says about itself."""
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    return answer.stdout.partition("\n")[0]


def processor_seconds() -> float:
    """Processor time of this process and of those it waited for."""
    both = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def show(medians: dict[str, dict[str, float]]) -> None:
    """Print the table."""
    table = Table(title=f"Verifying {SHARDS * SHARD_BYTES / 1e9:.0f} GB, medians of {ROUNDS}")
    for column in ("way", "wall", "cpu", "wall ratio", "cpu ratio", "goal"):
        table.add_column(column, justify="left" if column == "way" else "right")
    base = medians["sha256sum"]
    for name, row in medians.items():
        ratios = [f"{row[clock] / base[clock]:.2f}" for clock in ("wall", "cpu")]
        goal = f"up to {GOAL}" if name in ("verify", "process") else ""
        table.add_row(name, f"{row['wall']:.2f} s", f"{row['cpu']:.2f} s", *ratios, goal)
    Console().print(table)


if __name__ == "__main__":
    main()
