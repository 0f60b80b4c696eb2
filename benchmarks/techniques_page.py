"""The picture and the tables of ``benchmarks/techniques.py``, from the figures that are checked in.

Run by hand: ``.venv/bin/python benchmarks/techniques_page.py`` (needs matplotlib). Writes
``docs/techniques.svg`` and the section between two marks in ``docs/techniques.md``.
"""

import json
import statistics
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "techniques.json"
FIGURE = ROOT / "docs" / "techniques.svg"
PAGE = ROOT / "docs" / "techniques.md"
MARKS = ("<!-- made by benchmarks/techniques_page.py -->\n", "<!-- end -->\n")
TOLERANCE = 0.01
TICKS = (1, 2, 3, 5, 10, 15, 20, 30, 50, 100, 200)
COLOURS = {"alone": "#2a78ba", "two": "#0b4f8a", "all three": "#c4472a", "baseline": "#6b7079"}


@dataclass(frozen=True)
class Summary:
    """One line over its seeds; changes are against the baseline, as shares."""

    name: str
    techniques: int
    seeds: list[float]
    """Change of accuracy on the evaluation rows, of each seed."""
    half_width: float
    """Of the 95% interval of their mean: over the rows, each weighed by its mean over the seeds."""
    probability: float
    """Mean change of the true class's probability on the evaluation rows."""
    cost: dict[str, Any]

    @property
    def mean(self) -> float:
        """Mean change of accuracy over the seeds."""
        return statistics.mean(self.seeds)


def main() -> None:
    """Draw the picture and write the tables."""
    figures = json.loads(RESULTS.read_text(encoding="utf-8"))
    found = summaries(figures)
    draw(figures, found)
    text = "\n".join([*measured(figures, found), *training(figures)])
    before, rest = PAGE.read_text(encoding="utf-8").split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    PAGE.write_text(f"{before}{MARKS[0]}{text}\n{MARKS[1]}{after}", encoding="utf-8")


def summaries(figures: dict[str, Any]) -> list[Summary]:
    """The lines that have both seeds and costs, in the order in which they were first run."""
    by_line: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in figures["rows"]:
        by_line[row["line"]].append(row)
    return [
        summary(name, rows, figures["costs"][name])
        for name, rows in by_line.items()
        if name in figures["costs"]
    ]


def summary(name: str, rows: list[dict[str, Any]], cost: dict[str, Any]) -> Summary:
    """One line over its seeds."""
    first = rows[0]
    change = np.zeros(first["evaluation"]["n"])
    for row in rows:
        change[row["evaluation"]["gained"]] += 1 / len(rows)
        change[row["evaluation"]["lost"]] -= 1 / len(rows)
    return Summary(
        name=name,
        techniques=sum(
            (first["depth"] is not None, first["ratio"] is not None, first["quantized"])
        ),
        seeds=[-row["evaluation"]["accuracy_drop"] for row in rows],
        half_width=1.96 * float(change.std(ddof=1)) / len(change) ** 0.5,
        probability=-statistics.mean(row["evaluation"]["probability_drop"] for row in rows),
        cost=cost,
    )


def measured(figures: dict[str, Any], found: list[Summary]) -> list[str]:
    """The table of accuracy against size."""
    head = (
        "| what is done | accuracy, points (95% interval) | each seed "
        "| true-class probability, points | parameters, millions | MB | CPU ms an answer "
        "| times cheaper |"
    )
    lines = [head, "|---|---:|---|---:|---:|---:|---:|---:|"]
    lines += [
        f"| nothing: {name} | | | | {size(figures['costs'][name])} |"
        for name in figures["costs"]
        if name not in {each.name for each in found}
    ]
    for each in found:
        seeds = ", ".join(f"{points(change)}" for change in each.seeds)
        lines.append(
            f"| {each.name} | {points(each.mean)} ({points(each.mean - each.half_width)} to "
            f"{points(each.mean + each.half_width)}) | {seeds} | {points(each.probability)} "
            f"| {size(each.cost)} |"
        )
    return lines


def size(cost: dict[str, Any]) -> str:
    """Parameters, bytes and processor time, as cells."""
    return (
        f"{cost['parameters'] / 1e6:.1f} | {cost['bytes'] / 1e6:.0f} | "
        f"{cost['cpu_ms_per_answer']:.2f} | {1 / cost['of_baseline']:.1f}"
    )


def training(figures: dict[str, Any]) -> list[str]:
    """What the line took against fine-tuning."""
    spent = figures["training"]["processor_seconds"]
    fine = figures["fine_tuning"]["processor_seconds"]
    lines = ["", "| | processor seconds | of fine-tuning |", "|---|---:|---:|"]
    lines.append(f"| fine-tuning the baseline | {fine:.0f} | 1 |")
    lines += [f"| {name} | {each:.0f} | {each / fine:.2f} |" for name, each in spent.items()]
    total = sum(spent.values())
    return [*lines, f"| all three | {total:.0f} | {total / fine:.2f} |"]


def points(change: float) -> str:
    """A change in points, signed, with a real minus."""
    return f"{change * 100:+.1f}".replace("-", "\N{MINUS SIGN}")


def draw(figures: dict[str, Any], found: list[Summary]) -> None:
    """Change of accuracy over processor time and over bytes; a dot a seed, a bar for the mean."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot as plt

    mpl.rcParams.update({"svg.hashsalt": "leanstage", "font.size": 10})
    figure, panels = plt.subplots(1, 2, figsize=(11, 5.2), facecolor="white", sharey=True)
    kinds = {1: "alone", 2: "two", 3: "all three"}
    axes = (("CPU ms an answer (log)", "cpu_ms_per_answer", 1), ("MB on disk (log)", "bytes", 1e6))
    for panel, (label, key, unit) in zip(panels, axes, strict=True):
        for name, cost in figures["costs"].items():
            if name not in {each.name for each in found}:
                panel.plot(cost[key] / unit, 0, "D", color=COLOURS["baseline"], markersize=6)
        for number, each in enumerate(found, start=1):
            colour, x = COLOURS[kinds[each.techniques]], each.cost[key] / unit
            panel.errorbar(
                x, each.mean * 100, each.half_width * 100, color=colour, fmt="s", capsize=3
            )
            panel.scatter(
                [x] * len(each.seeds),
                [change * 100 for change in each.seeds],
                s=12,
                facecolor="white",
                edgecolor=colour,
                zorder=3,
            )
            panel.annotate(
                str(number),
                (x, each.mean * 100),
                xytext=(7, 4),
                textcoords="offset points",
                color=colour,
                fontsize=10,
            )
        panel.axhline(0, color="#444444", linewidth=0.8)
        panel.axhline(-TOLERANCE * 100, color="#444444", linestyle=":", linewidth=1)
        panel.set_xscale("log")
        panel.set_xlabel(label)
        panel.minorticks_off()
        low, high = panel.get_xlim()
        panel.set_xticks(ticks := [tick for tick in TICKS if low <= tick <= high], map(str, ticks))
        panel.set_xlim(low, high)
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(color="#e6e6e6", linewidth=0.8)
    panels[0].set_ylabel("change of accuracy, points")
    figure.suptitle(
        "Accuracy kept against size: mean of the seeds (95%), a dot for each", fontsize=12
    )
    listed = [f"{number}  {each.name}" for number, each in enumerate(found, start=1)]
    listed.append("diamonds: the baseline in float32 and its forms; dotted: the tolerance")
    half = -(-len(listed) // 2)
    figure.tight_layout(rect=(0, 0.2, 1, 1), w_pad=3)
    for column, names in enumerate((listed[:half], listed[half:])):
        figure.text(0.06 + 0.47 * column, 0.19, "\n".join(names), va="top", fontsize=9)
    figure.savefig(FIGURE, metadata={"Date": None})


if __name__ == "__main__":
    main()
