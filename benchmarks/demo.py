"""Figures of the demo: seconds per stage, orchestration overhead, peak memory, import time.

Run by hand on a quiet machine: ``.venv/bin/python benchmarks/demo.py [--home FOLDER]``. With a
new folder the first row is the run that also makes the baseline.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

IMPORTS = 5


def main() -> None:
    """Run the demo once and print the table; write it as JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", default=".leanstage", help="folder of MLflow, cache and runs")
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    options = parser.parse_args()
    outcome = Path(options.home) / "benchmark-outcome.json"
    outcome.parent.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "LEANSTAGE_HOME": options.home}
    command = [sys.executable, "-c", "from leanstage.cli import main; main()"]
    began = time.monotonic()
    process = subprocess.Popen(
        [*command, "demo", "--json", str(outcome)], env=environment, start_new_session=True
    )
    peak = watch_memory(process)
    total = time.monotonic() - began
    if process.returncode != 0:
        sys.exit(f"the demo ended with exit code {process.returncode}")
    result = json.loads(outcome.read_text(encoding="utf-8"))
    timings: dict[str, float] = result["timings"]
    work = sum(timings.values())
    figures = {
        "seconds_by_stage": timings,
        "seconds_total": total,
        "overhead_share": (total - work) / total,
        "peak_memory_bytes": peak,
        "import_seconds": import_seconds(),
        "verdict": result["verdict"],
        "energy_ratio": result["energy"]["ratio"],
    }
    show(figures, timings, total, work)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def watch_memory(process: "subprocess.Popen[bytes]") -> int:
    """Highest sum of proportional set sizes (bytes) over the process and all it started."""
    peak = 0
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.5):
            peak = max(peak, sum(map(pss_bytes, tree(process.pid))))

    watcher = threading.Thread(target=watch)
    watcher.start()
    process.wait()
    done.set()
    watcher.join()
    return peak


def tree(root: int) -> list[int]:
    """The process and its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            children.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(entry.name))
    found = [root]
    for pid in found:
        found.extend(children.get(pid, []))
    return found


def pss_bytes(pid: int) -> int:
    """Proportional set size: shared pages count once over those who share them."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass  # it ended between listing and reading
    return 0


def import_seconds() -> float:
    """Median seconds to import ``leanstage.components`` in a fresh interpreter."""
    code = "import time; t = time.perf_counter(); import leanstage.components; "
    code += "print(time.perf_counter() - t)"
    runs = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
        for _ in range(IMPORTS)
    ]
    return statistics.median(runs)


def show(figures: dict[str, object], timings: dict[str, float], total: float, work: float) -> None:
    """Print the table."""
    table = Table(title="The demo")
    table.add_column("figure")
    table.add_column("value", justify="right")
    table.add_column("goal", justify="right")
    for stage, seconds in timings.items():
        table.add_row(stage, f"{seconds:.1f} s", "")
    table.add_row("total", f"{total:.0f} s", "600 s first, 360 s cached")
    table.add_row("orchestration overhead", f"{1 - work / total:.1%}", "under 10%")
    table.add_row("peak memory", f"{float(str(figures['peak_memory_bytes'])) / 1e9:.2f} GB", "3 GB")
    table.add_row("import leanstage.components", f"{figures['import_seconds']:.2f} s", "under 1 s")
    Console().print(table)


if __name__ == "__main__":
    main()
