"""How often the gate errs: simulated evaluations through the limits that it really applies.

Run by hand: ``.venv/bin/python benchmarks/gate_errors.py`` (minutes; the figure needs matplotlib).
Writes ``benchmarks/results/gate_errors.json``, ``docs/gate-errors.svg`` and the table in
``docs/gate.md``. A draw is promoted where no objection to its accuracy is raised;
everything else that can block is taken to be in order.
"""

import argparse
import json
import math
from bisect import bisect_left
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binom

from leanstage.contracts import ModelPolicy, PairedCounts
from leanstage.gate import split_confidence
from leanstage.gate.accuracy import accuracy_loss, accuracy_problems

TRUE_DROPS = (0.0, 0.005, 0.01, 0.015, 0.02, 0.025, 0.03)
ROWS = (300, 500, 1000, 2000, 5000, 10000, 20000)
EXACT_ROWS = (300, 500, 1000, 2000)
CHANGED = (0.05, 0.10, 0.20)
"""Share of the rows that one of the two models answers rightly and the other wrongly."""
SHOWN = 0.10
"""The one that figure and table show."""
CANDIDATES = (1, 2)
POLICY = ModelPolicy()
SEED = 20

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "gate_errors.json"
FIGURE = ROOT / "docs" / "gate-errors.svg"
PAGE = ROOT / "docs" / "gate.md"
MARKS = ("<!-- made by benchmarks/gate_errors.py -->\n", "<!-- end -->\n")

Cell = dict[str, Any]


def main() -> None:
    """Simulate, then write figures, plot and table; or only draw the figures checked in."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=100000, help="evaluations per cell")
    parser.add_argument("--draw-only", action="store_true", help="take the figures checked in")
    options = parser.parse_args()
    if not options.draw_only:
        cells = [cell for rows in ROWS for cell in simulate(rows, options.draws)]
        figures = {
            "draws": options.draws,
            "seed": SEED,
            "policy": POLICY.model_dump(include={"tolerance", "margin", "confidence", "min_n"}),
            "binomial_error_at_nominal": math.sqrt(0.05 * 0.95 / options.draws),
            "worst_false_promotion": max(
                (cell for cell in cells if cell["true_drop"] >= POLICY.margin),
                key=lambda cell: float(cell["any_promoted"]),
            ),
            "exact_at_margin": exact_at_margin(),
            "rows_for_nine_in_ten": rows_for_nine_in_ten(),
            "false_blocks": false_blocks(cells),
            "cells": cells,
        }
        RESULTS.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    figures = json.loads(RESULTS.read_text(encoding="utf-8"))
    print("worst drawn:", figures["worst_false_promotion"])
    print("worst exact:", max(figures["exact_at_margin"], key=lambda cell: cell["promoted"]))
    draw(figures["cells"])
    write_table(figures["cells"])


def simulate(rows: int, draws: int) -> list[Cell]:
    """Share of the draws that the gate promotes, in every cell with so many rows.

    ``promoted`` is of one candidate; ``any_promoted`` of a decision on so many candidates that
    lose alike and independently of each other.
    """
    promoted.cache_clear()
    rng = np.random.default_rng([SEED, rows])
    cells = []
    for changed, drop in product(CHANGED, TRUE_DROPS):
        lost, gained = (changed + drop) / 2, (changed - drop) / 2
        found = rng.multinomial(rows, [lost, gained, 1 - lost - gained], size=draws)[:, :2]
        pairs, times = np.unique(found, axis=0, return_counts=True)
        for candidates in CANDIDATES:
            confidence = split_confidence(POLICY.confidence, candidates)
            passed = [promoted(int(a), int(b), rows, confidence) for a, b in pairs]
            share = float(times[passed].sum()) / draws
            cells.append(
                {
                    "true_drop": drop,
                    "rows": rows,
                    "changed": changed,
                    "candidates": candidates,
                    "promoted": share,
                    "any_promoted": 1 - (1 - share) ** candidates,
                }
            )
    return cells


@cache
def promoted(lost: int, gained: int, rows: int, confidence: float) -> bool:
    """Whether the gate objects to nothing about these counts."""
    counts = PairedCounts(
        both_right=rows - lost - gained, baseline_only=lost, candidate_only=gained, both_wrong=0
    )
    loss = accuracy_loss(counts, POLICY.margin, confidence)
    return not accuracy_problems("optimized", loss, POLICY, confidence)


def chance(drop: float, rows: int, changed: float, candidates: int) -> float:
    """Chance of a promotion, summed over all counts instead of drawn."""
    promoted.cache_clear()
    confidence = split_confidence(POLICY.confidence, candidates)
    losing, gaining = (changed + drop) / 2, (changed - drop) / 2
    total = 0.0
    least, most = int(binom.ppf(1e-9, rows, losing)), int(binom.isf(1e-9, rows, losing))
    for lost in range(least, most + 1):
        # More gained is never worse, so that the fewest that suffice tell all.
        rest = rows - lost
        enough = bisect_left(
            range(rest + 1), True, key=lambda gained: promoted(lost, gained, rows, confidence)
        )
        suffices = binom.sf(enough - 1, rest, gaining / (1 - losing))
        total += float(binom.pmf(lost, rows, losing) * suffices)
    return total


def exact_at_margin() -> list[Cell]:
    """Chance of a promotion where the true drop is the margin itself."""
    return [
        {
            "rows": rows,
            "changed": changed,
            "candidates": candidates,
            "promoted": chance(POLICY.margin, rows, changed, candidates),
        }
        for rows, changed, candidates in product(EXACT_ROWS, CHANGED, CANDIDATES)
    ]


def rows_for_nine_in_ten() -> list[Cell]:
    """Rows, to the next hundred, at which nine in ten harmless candidates are promoted."""
    cells = []
    for drop, changed, candidates in product((0.0, 0.005), CHANGED, CANDIDATES):
        hundreds = bisect_left(
            range(3, 300),
            True,
            key=lambda found: chance(drop, 100 * found, changed, candidates) >= 0.9,
        )
        cells.append(
            {
                "true_drop": drop,
                "changed": changed,
                "candidates": candidates,
                "rows": 100 * range(3, 300)[hundreds],
            }
        )
    return cells


def false_blocks(cells: list[Cell]) -> list[Cell]:
    """Share of blocked candidates that lose nothing, or half a point."""
    return [
        {**{name: cell[name] for name in ("true_drop", "rows", "changed", "candidates")}}
        | {"blocked": 1 - cell["promoted"]}
        for cell in cells
        if cell["true_drop"] <= 0.005
    ]


def chosen(cells: list[Cell], candidates: int, drop: float) -> list[float]:
    """Promotion rates over the rows, at the share of changed answers that is shown."""
    return [
        next(
            float(cell["promoted"])
            for cell in cells
            if (cell["true_drop"], cell["rows"]) == (drop, rows)
            and (cell["changed"], cell["candidates"]) == (SHOWN, candidates)
        )
        for rows in ROWS
    ]


def draw(cells: list[Cell]) -> None:
    """One panel for each number of candidates: a line for each true loss over the rows.

    The dotted line is the error level of one candidate.
    """
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot as plt

    mpl.rcParams.update({"svg.hashsalt": "leanstage", "font.size": 11, "axes.titlesize": 12})
    kept, lost = ["#0b4f8a", "#2a78ba", "#4a90c9", "#6b7079"], ["#8c1d18", "#c4472a", "#d07a55"]
    colours = dict(zip(TRUE_DROPS, [*kept, *lost], strict=True))
    figure, panels = plt.subplots(1, 2, figsize=(11, 4.8), facecolor="white")
    for panel, candidates in zip(panels, CANDIDATES, strict=True):
        ends = {drop: chosen(cells, candidates, drop)[-1] for drop in TRUE_DROPS}
        heights = spread(ends, 0.052)
        for drop in TRUE_DROPS:
            rates = chosen(cells, candidates, drop)
            panel.plot(ROWS, rates, color=colours[drop], marker="o", markersize=3.5, linewidth=1.8)
            panel.annotate(
                in_points(drop),
                (ROWS[-1], heights[drop]),
                xytext=(8, 0),
                textcoords="offset points",
                color=colours[drop],
                va="center",
                annotation_clip=False,
                fontsize=10,
            )
        level = 1 - split_confidence(POLICY.confidence, candidates)
        panel.axhline(level, color="#444444", linestyle=":", linewidth=1)
        panel.set_ylim(-0.02, 1.08)
        panel.set_yticks(
            [level, 0.25, 0.5, 0.75, 1], [f"{level * 100:.3g}%", *"25% 50% 75% 100%".split()]
        )
        panel.set_xscale("log")
        panel.set_xticks(ROWS, [f"{rows:,}" for rows in ROWS], rotation=40, ha="right")
        panel.minorticks_off()
        panel.set_xlabel("evaluation rows")
        panel.set_title("one candidate" if candidates == 1 else "each of two candidates")
        panel.annotate("true loss", (1, 1.04), xycoords="axes fraction", va="bottom", fontsize=10)
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(axis="y", color="#e6e6e6", linewidth=0.8)
    panels[0].set_ylabel("share of evaluations that promote")
    figure.suptitle(
        f"Promotions by true loss of accuracy (margin {POLICY.margin * 100:g} points, "
        f"{SHOWN:.0%} of the answers changed)",
        fontsize=13,
    )
    figure.tight_layout(w_pad=3)
    figure.savefig(FIGURE, metadata={"Date": None})


def in_points(drop: float) -> str:
    """A drop in words."""
    return f"{drop * 100:g} point{'' if drop == 0.01 else 's'}"


def spread(ends: dict[float, float], gap: float) -> dict[float, float]:
    """Heights of the labels: those of the lines' ends, moved apart by at least ``gap``."""
    heights: dict[float, float] = {}
    below = -math.inf
    for drop in sorted(ends, key=lambda drop: (ends[drop], -drop)):
        below = heights[drop] = max(ends[drop], below + gap)
    return heights


def write_table(cells: list[Cell]) -> None:
    """Put the table between its marks."""
    head = "| candidates | true loss | " + " | ".join(f"{rows:,} rows" for rows in ROWS) + " |"
    lines = [head, "|---|---|" + "---:|" * len(ROWS)]
    for candidates, drop in product(CANDIDATES, TRUE_DROPS):
        rates = " | ".join(f"{rate:.1%}" for rate in chosen(cells, candidates, drop))
        lines.append(f"| {candidates} | {in_points(drop)} | {rates} |")
    before, rest = PAGE.read_text(encoding="utf-8").split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    table = "\n".join(lines)
    PAGE.write_text(f"{before}{MARKS[0]}{table}\n{MARKS[1]}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
