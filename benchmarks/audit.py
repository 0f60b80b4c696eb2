"""Time and memory of `leanstage audit` over 10,000 models with 50,000 versions in a real server.

    .venv/bin/python benchmarks/audit.py [--folder KEPT]

Run by hand; the registry takes some minutes to make and is kept in ``--folder``. MLflow is its own
server with accounts, on this machine, so that it shares the processor with what is measured. Writes
``benchmarks/results/audit.json``.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.audit_registry import MODELS, PROMOTED, VERSIONS, registry  # noqa: E402
from leanstage.audit import JOURNAL  # noqa: E402
from leanstage.contracts import Audit, write_atomically  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results" / "audit.json"
COMMAND = [sys.executable, "-c", "from leanstage.cli import main; main()", "audit"]


def main() -> None:
    """Make the registry where there is none, audit it, kill an audit halfway and go on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="where the registry is kept")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="leanstage-benchmark-") as scratch,
        registry(options.folder or Path(scratch) / "registry") as environment,
    ):
        whole = audit(Path(scratch) / "whole", environment)
        killed = audit(Path(scratch) / "killed", environment, until=MODELS // 2)
        rest = audit(Path(scratch) / "killed", environment)
    figures = {
        "machine": {"cores": os.cpu_count(), "python": platform.python_version()},
        "registry": {
            "models": MODELS,
            "versions": MODELS * VERSIONS,
            "promoted": PROMOTED,
        },
        "whole": whole,
        "killed_halfway": killed,
        "gone_on": rest,
    }
    write_atomically(RESULTS, (json.dumps(figures, indent=2) + "\n").encode())
    print(json.dumps(figures, indent=2))


def audit(out: Path, environment: dict[str, str], *, until: int | None = None) -> dict[str, Any]:
    """One audit in a process of its own, killed once it has examined ``until`` versions."""
    before, begun = examined(out), time.perf_counter()
    process = subprocess.Popen(
        [*COMMAND, "--json", "--out", str(out)],
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
    )
    if until is not None:
        while examined(out) < until and process.poll() is None:
            time.sleep(0.2)
        process.kill()
        process.wait()
        wall = time.perf_counter() - begun
        return {"wall_seconds": round(wall, 1), "examined": examined(out)}
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begun
    found = Audit.load(out / "audit.json")
    return {
        "wall_seconds": round(wall, 1),
        "load_average": round(os.getloadavg()[1], 1),
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 1),
        "peak_resident_mb": round(used.ru_maxrss * 1024 / 1e6),
        "exit_code": os.waitstatus_to_exitcode(status),
        "examined_before": before,
        "statuses": dict(sorted(Counter(entry.status for entry in found.entries).items())),
        "unread": sum(entry.error is not None for entry in found.entries),
        "file_mb": {path.name: round(path.stat().st_size / 1e6, 1) for path in out.iterdir()},
    }


def examined(out: Path) -> int:
    """Versions that the journal of an unfinished audit holds."""
    path = out / JOURNAL
    return path.read_bytes().count(b'{"key"') if path.exists() else 0


if __name__ == "__main__":
    main()
