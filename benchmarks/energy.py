"""How sharp an energy comparison is after how long: half-width of the interval against time.

Run by hand on a machine with nothing else to do, on two models and rows of texts or prompts:

    .venv/bin/python benchmarks/energy.py BASELINE CANDIDATE --data rows.jsonl \
        --json benchmarks/results/energy.json

One long measurement is cut into stretches of so many blocks in a row, each with its own interval.
``--trace FILE`` keeps what the candidate and its control took, a model against itself.
"""

import argparse
import json
import math
import statistics
from pathlib import Path

from rich.console import Console
from rich.table import Table

from leanstage.contracts import EnergyComparison, Window
from leanstage.energy.pair import compare_models
from leanstage.energy.ratios import costs_by_block, energy_ratio

LENGTHS = (4, 6, 8, 10, 15, 20, 30, 45, 60)
GOAL_HALF_WIDTH, GOAL_SECONDS = 0.02, 60.0


def main() -> None:
    """Measure, print the table, and write it where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("baseline", type=Path)
    parser.add_argument("candidate", type=Path)
    parser.add_argument("--data", required=True, help="JSON Lines or parquet")
    parser.add_argument("--blocks", type=int, default=60)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    parser.add_argument("--trace", type=Path, help="write the A/A trace here")
    options = parser.parse_args()
    console = Console(stderr=True)
    with console.status("preparing") as status:
        found = compare_models(
            options.baseline,
            options.candidate,
            options.data,
            batch_size=options.batch_size,
            blocks=options.blocks,
            tell=lambda what, fraction: status.update(f"{fraction:4.0%}  {what}"),
        ).comparison
    curve = sharpness(found)
    show(found, curve)
    if options.json:
        write(options.json, {**conditions(found), "sharpness": curve})
    if options.trace:
        write(options.trace, {**conditions(found), "joules_per_answer": trace(found)})


def sharpness(found: EnergyComparison) -> list[dict[str, float]]:
    """For every length: median half-width (share of the ratio) over all stretches, and seconds.

    Seconds are those of the windows of the pair: what is measured, not loading and warming up.
    """
    own, other = found.registered.arm, found.registered.against
    pair = [window for window in found.windows if window.arm in (own, other)]
    blocks = sorted({window.block for window in pair})
    rows = []
    for length in (length for length in LENGTHS if length <= len(blocks)):
        stretches = [blocks[at : at + length] for at in range(0, len(blocks) - length + 1)]
        picked = [[w for w in pair if w.block in set(stretch)] for stretch in stretches]
        rows.append(
            {
                "blocks": length,
                "seconds": statistics.median(sum(w.wall_seconds for w in some) for some in picked),
                "half_width": statistics.median(half_width(some, own, other) for some in picked),
            }
        )
    return rows


def half_width(windows: list[Window], own: str, other: str) -> float:
    """Half of the interval on the logarithm: a share of the ratio."""
    low, high = energy_ratio(windows, own, other).ci95
    return math.log(high / low) / 2


def trace(found: EnergyComparison) -> list[list[float]]:
    """Joules per answer of the candidate and of its control, block by block."""
    pair = [
        costs_by_block(found.windows, arm) for arm in (found.control.against, found.control.arm)
    ]
    return [[float(f"{costs[block]:.6g}") for costs in pair] for block in sorted(pair[0])]


def conditions(found: EnergyComparison) -> dict[str, object]:
    """What the figures hold for."""
    candidate = found.arm(found.registered.arm)
    return {
        "meter": found.meter.name,
        "tier": found.meter.tier,
        "cpu": found.environment["cpu"],
        "threads": found.environment["usable_threads"],
        "candidate": f"{candidate.runtime} {candidate.precision}",
        "batch_size": found.workload.batch_size,
        "ratio": found.registered.ratio,
        "checks_failed": [check.name for check in found.checks if not check.passed],
        "co_tenants": next(c.detail for c in found.checks if c.name == "co-tenants"),
        "seconds_in_all": round(found.seconds, 1),
    }


def show(found: EnergyComparison, curve: list[dict[str, float]]) -> None:
    """Print the table, and how the goal was met."""
    table = Table("blocks", "seconds of the pair", "half-width, median", title=found.meter.name)
    for row in curve:
        table.add_row(f"{row['blocks']}", f"{row['seconds']:.0f}", f"{row['half_width']:.1%}")
    console = Console()
    console.print(table)
    sharp = [row for row in curve if row["half_width"] <= GOAL_HALF_WIDTH]
    reached = f"reached after {sharp[0]['seconds']:.0f} s" if sharp else "not reached"
    console.print(f"Goal of {GOAL_HALF_WIDTH:.0%} within {GOAL_SECONDS:.0f} s: {reached}")


def write(path: Path, figures: dict[str, object]) -> None:
    """Write figures as JSON, a number a line at most where they are few."""
    path.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
