"""Accuracy over processor time of every row of one set and one model, as a picture."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

NAMES = {
    "reviews": "Rotten Tomatoes",
    "topics": "BBC topics",
    "minilm": "MiniLM-L6",
    "mpnet": "MPNet-base",
}
OURS = "leanstage"
COLOURS = {"ours": "#c4472a", "peer": "#2a78ba", "plain": "#6b7079"}
SHOWN = 0.05
"""Accuracy below float32's, as a share, that the picture reaches down to."""
PLACES = tuple(
    (8 * side, up) for up in (4, -10, 18, -24, 32, -38, 46, -52, 60, -66) for side in (1, -1)
)
"""Of a name, in points from its dot, the nearest first."""
TICKS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


def measured_rows(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows that ran."""
    return [row for row in document["rows"] if "error" not in row]


def is_ours(row: dict[str, Any]) -> bool:
    """leanstage, or one of its techniques alone."""
    return str(row["name"]).split()[0] == OURS


def dominates(row: dict[str, Any], other: dict[str, Any]) -> bool:
    """Cheaper, and no less accurate.

    Costs are compared as ratios to the float32 that ran in turn with each: the machine's drift
    between two rows cancels.
    """
    return bool(row["of_fp32"] < other["of_fp32"] and row["accuracy"] >= other["accuracy"])


def frontier(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """What no other row dominates, from the cheapest up."""
    kept = [row for row in rows if not any(dominates(other, row) for other in rows)]
    return sorted(kept, key=lambda row: float(row["of_fp32"]))


def draw(document: dict[str, Any], target: Path) -> None:
    """Accuracy over processor time: a dot a row with its 95% intervals, and the frontier."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    mpl.rcParams.update({"svg.hashsalt": "leanstage", "font.size": 10})
    measured = measured_rows(document)
    unit = _anchor(measured)
    rows = [row for row in measured if row["difference"] >= -SHOWN]
    figure, panel = plt.subplots(figsize=(9.5, 5.6), facecolor="white")
    best = frontier(rows)
    panel.plot(
        [unit * row["of_fp32"] for row in best],
        [row["accuracy"] * 100 for row in best],
        color="#444444",
        linestyle=":",
        linewidth=1.2,
        drawstyle="steps-post",
        zorder=1,
    )
    for row in rows:
        kind = "ours" if is_ours(row) else "peer" if row["optimized"] else "plain"
        x, y = unit * row["of_fp32"], row["accuracy"] * 100
        low, high = (unit * end for end in row["of_fp32_ci95"])
        panel.errorbar(
            x,
            y,
            xerr=[[x - low], [high - x]],
            fmt="s" if row["name"] == OURS else "o",
            color=COLOURS[kind],
            markersize=7 if row["name"] == OURS else 5,
            capsize=2,
        )
    panel.set_xscale("log")
    panel.minorticks_off()
    panel.margins(x=0.18, y=0.12)
    low, high = panel.get_xlim()
    panel.set_xticks(ticks := [tick for tick in TICKS if low <= tick <= high], map(str, ticks))
    panel.set_xlim(low, high)
    far = [
        f"{row['name']} ({row['accuracy'] * 100:.1f}%, {unit * row['of_fp32']:.3g})"
        for row in measured
        if row not in rows
    ]
    beyond = f"\nbelow the picture: {', '.join(far)}" if far else ""
    panel.set_xlabel(f"CPU-seconds per 1,000 answers (log){beyond}")
    panel.set_ylabel("accuracy, %")
    panel.spines[["top", "right"]].set_visible(False)
    panel.grid(color="#e6e6e6", linewidth=0.8)
    title = f"{NAMES[document['set']]}, {NAMES[document['model']]}"
    panel.set_title(f"{title}: dotted, what nothing else beats", fontsize=12)
    figure.tight_layout()
    _name(panel, [(row, unit * row["of_fp32"], row["accuracy"] * 100) for row in rows])
    figure.savefig(target, metadata={"Date": None})
    plt.close(figure)


def _name(panel: Any, points: Sequence[tuple[dict[str, Any], float, float]]) -> None:
    """Each dot's name beside it, at the first place in the picture where it covers no other."""
    taken: list[Any] = []
    frame = panel.get_window_extent()
    for row, x, y in sorted(points, key=lambda point: point[1]):
        for across, up in PLACES:
            label = panel.annotate(
                row["name"],
                (x, y),
                xytext=(across, up),
                textcoords="offset points",
                ha="left" if across > 0 else "right",
                color=COLOURS["ours" if is_ours(row) else "peer" if row["optimized"] else "plain"],
                fontsize=8.5,
                arrowprops={"arrowstyle": "-", "linewidth": 0.4, "color": "#9a9a9a"},
            )
            box = label.get_window_extent()
            inside = frame.contains(box.x0, box.y0) and frame.contains(box.x1, box.y1)
            if inside and not any(box.overlaps(other) for other in taken):
                break
            if (across, up) != PLACES[-1]:
                label.remove()
        taken.append(box)


def _anchor(rows: Sequence[dict[str, Any]]) -> float:
    """CPU-seconds per 1,000 of float32: the mean of what it took beside every row."""
    return sum(float(row["anchor_cpu_seconds_per_1000"]) for row in rows) / len(rows)
