"""What meters cost, and how well counters behind Prometheus are read over bursts.

Run by hand: ``.venv/bin/python benchmarks/meters.py [--bursts 6 15 45 90] [--json FILE]``. The
processor's meters are timed as they are; RAPL reads a powercap tree of two packages with memory,
NVML the stub of the tests. The exporters behind the real Prometheus draw a known power.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from leanstage.energy.meters import Meter, MeterError, ScrapedMeter, Usage, survey  # noqa: E402
from leanstage.prometheus import Prometheus  # noqa: E402
from tests.energy.scraped import NAMESPACE, Exporter, prometheus  # noqa: E402

OVERHEAD_GOAL = 0.01
ERROR_GOAL = 0.02
SHORTEST_SECONDS = 0.5
"""A window of the estimate; counters ask for longer ones."""
FINDING = threading.Lock()
"""Held by whoever looks for a meter, which goes by the environment."""
POWERCAP = """
import os, sys, time
files = [os.open(path, os.O_WRONLY) for path in sys.argv[1:]]
while True:
    for file in files:
        os.pwrite(file, b"%020d" % int(time.monotonic() * 50e6), 0)
    time.sleep(0.01)
"""


def main() -> None:
    """Time the meters, read the bursts, print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--windows", type=int, default=5)
    parser.add_argument("--bursts", type=float, nargs="*", default=[6, 15, 45, 90])
    parser.add_argument(
        "--rhythms",
        nargs="*",
        default=["5:5", "15:5", "7:15"],
        help="seconds between scrapes, and between the exporter's refreshes",
    )
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    parser.add_argument("--overhead-of", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.overhead_of:
        print(json.dumps(overhead(options.overhead_of, options.windows)))
        return
    with tempfile.TemporaryDirectory(prefix="leanstage-meters-") as scratch:
        costs = overheads(Path(scratch), options.windows)
        with ThreadPoolExecutor(len(options.rhythms) or 1) as pool:
            running = [
                pool.submit(bursts, Path(scratch), options.bursts, *map(float, one.split(":")))
                for one in options.rhythms
            ]
        read = [figures for future in running for figures in future.result()]
    figures = {"overhead": costs, "bursts": read}
    show(figures)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def overhead(name: str, windows: int) -> dict[str, Any]:
    """CPU seconds of this process in windows in which it only waits, over one busy thread's."""
    meter = next(meter for meter in survey().meters if meter.info.name == name)
    seconds = max(SHORTEST_SECONDS, meter.min_window_seconds)
    shares = []
    for _ in range(windows):
        before = time.process_time()
        meter.begin_window()
        time.sleep(seconds)
        meter.end_window(Usage(seconds, seconds))
        shares.append((time.process_time() - before) / seconds)
    return {"meter": name, "window_seconds": seconds, "share": max(shares)}


def overheads(folder: Path, windows: int) -> list[dict[str, Any]]:
    """Of each meter in a process of its own, in which nothing else runs."""

    def measured(name: str, **environment: str) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, __file__, "--overhead-of", name, "--windows", str(windows)],
            env={**os.environ, **environment},
            check=True,
            capture_output=True,
            text=True,
        )
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    library = folder / "libnvidia-ml.so.1"
    stub = ROOT / "tests" / "energy" / "nvml" / "stub.c"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, stub], check=True)
    with powercap(folder / "powercap") as root:
        return [
            measured("cpu-time"),
            measured("rapl", LEANSTAGE_POWERCAP_ROOT=str(root)),
            measured("nvml", LD_LIBRARY_PATH=str(folder)),
        ]


@contextmanager
def powercap(root: Path) -> Iterator[Path]:
    """Two packages with memory, whose counters another process moves by 50 W."""
    files = []
    for zone, name in (("0", "package-0"), ("0:0", "dram"), ("1", "package-1"), ("1:0", "dram")):
        folder = root / f"intel-rapl:{zone}"
        folder.mkdir(parents=True)
        (folder / "name").write_text(name)
        (folder / "max_energy_range_uj").write_text("262143328850")
        (folder / "energy_uj").write_text(f"{0:020d}")
        files.append(folder / "energy_uj")
    with subprocess.Popen([sys.executable, "-c", POWERCAP, *files]) as mover:
        try:
            yield root
        finally:
            mover.kill()


def bursts(
    folder: Path, lengths: list[float], scrape_seconds: float, interval_seconds: float
) -> list[dict[str, Any]]:
    """Known bursts as the meters read them, and as ``increase()`` over the same seconds does."""
    exporters = {
        "kepler": Exporter("kepler", 0.0, 40.0, interval_seconds),
        "dcgm": Exporter("dcgm", 70.0, 330.0, interval_seconds),
    }
    with ExitStack() as stack:
        for exporter in exporters.values():
            stack.callback(exporter.close)
        place = folder / f"{scrape_seconds:g}-{interval_seconds:g}"
        place.mkdir()
        address, _ = stack.enter_context(prometheus(place, exporters.values(), scrape_seconds))
        meters = {name: found(name, one, address) for name, one in exporters.items()}
        pool = stack.enter_context(ThreadPoolExecutor(len(meters)))
        running = [
            pool.submit(
                lambda name: [
                    burst(name, meters[name], exporters[name], Prometheus(address), seconds)
                    for seconds in lengths
                ],
                name,
            )
            for name in meters
        ]
        rhythm = {"scrape_seconds": scrape_seconds, "interval_seconds": interval_seconds}
        return [rhythm | one for future in running for one in future.result()]


def found(name: str, exporter: Exporter, address: str) -> ScrapedMeter:
    """The meter, once Prometheus has scraped often enough."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        with FINDING:
            os.environ["LEANSTAGE_PROMETHEUS"] = address
            os.environ["POD_NAMESPACE"], os.environ["POD_NAME"] = NAMESPACE, exporter.pod
            meter = next(meter for meter in survey().meters if meter.info.name == name)
        if isinstance(meter, ScrapedMeter):
            return meter
        time.sleep(1)
    raise MeterError(meter.info.detail)


def burst(
    name: str, meter: Meter, exporter: Exporter, server: Prometheus, seconds: float
) -> dict[str, Any]:
    """One burst."""
    cost = -time.thread_time()
    meter.begin_window()
    cost += time.thread_time()
    truth = exporter.burst(seconds)
    ended = server.now()
    cost -= time.thread_time()
    joules = meter.end_window(Usage(seconds, seconds))
    cost += time.thread_time()
    selector = {
        "kepler": f'kepler_pod_cpu_joules_total{{pod_name="{exporter.pod}",zone="package",'
        'state="running"}',
        "dcgm": f'DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{{pod="{exporter.pod}"}} / 1000',
    }[name]
    metric, _, unit = selector.partition("}")
    increase = server.vector(f"increase({metric}}}[{seconds:.0f}s] @ {ended:.3f}){unit}")
    return {
        "meter": name,
        "seconds": seconds,
        "truth_joules": truth,
        "error": joules / truth - 1,
        "increase_error": increase[0].value / truth - 1 if increase else None,
        "overhead_share": cost / seconds,
    }


def show(figures: dict[str, Any]) -> None:
    """Print both tables."""
    table = Table(title=f"CPU time of meters, goal under {OVERHEAD_GOAL:.0%} of a busy thread's")
    for heading in ("meter", "window", "most of any window"):
        table.add_column(heading, justify="left" if heading == "meter" else "right")
    for one in figures["overhead"]:
        table.add_row(one["meter"], f"{one['window_seconds']:.1f} s", f"{one['share']:.3%}")
    Console().print(table)
    table = Table(title=f"Bursts as they are read, goal within {ERROR_GOAL:.0%}")
    for heading in ("meter", "scraped", "refreshed", "burst", "error", "increase()", "CPU time"):
        table.add_column(heading, justify="left" if heading == "meter" else "right")
    for one in figures["bursts"]:
        plain = one["increase_error"]
        table.add_row(
            one["meter"],
            f"{one['scrape_seconds']:g} s",
            f"{one['interval_seconds']:g} s",
            f"{one['seconds']:g} s",
            f"{one['error']:+.2%}",
            "no reading" if plain is None else f"{plain:+.1%}",
            f"{one['overhead_share']:.3%}",
        )
    Console().print(table)


if __name__ == "__main__":
    main()
