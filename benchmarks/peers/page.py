"""The tables and pictures of ``docs/benchmarks.md``, from the figures that are checked in.

``.venv/bin/python -m benchmarks.peers.page``, by hand (needs matplotlib). Writes the section
between two marks in ``docs/benchmarks.md`` and ``docs/benchmarks-SET-MODEL.svg``.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.peers.catalogue import PEERS
from benchmarks.peers.picture import NAMES, OURS, dominates, draw, is_ours, measured_rows
from benchmarks.peers.sets import MODELS, SETS

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "benchmarks.md"
MARKS = ("<!-- made by benchmarks/peers/page.py -->\n", "<!-- end -->\n")
MOST_LOST = 0.01
"""What a peer may lose to be the best one, as a share of the rows."""
HEAD = (
    "| | accuracy (change in points, 95%) | CPU-seconds per 1,000 (95%) "
    "| times cheaper than float32 (95%) | p50 / p95 ms, one at a time "
    "| answers a second, 8 and 32 at a time | MB on disk | peak MB of memory | minutes to make |"
)


def main() -> None:
    """Write all sections, and the pictures of those that are measured."""
    found = {(one, model): _document(one, model) for one in SETS for model in MODELS}
    sections = ["\n".join(summary(document for document in found.values() if document))]
    for (set_name, model), document in found.items():
        sections.append("\n".join(section(set_name, model, document)))
        if document is not None and measured_rows(document):
            draw(document, PAGE.with_name(f"benchmarks-{set_name}-{model}.svg"))
    PAGE.write_text(laid_in(PAGE.read_text(encoding="utf-8"), sections), encoding="utf-8")


def laid_in(page: str, sections: Iterable[str]) -> str:
    """The page with other text between its marks."""
    before, rest = page.split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    text = "\n\n".join(sections)
    return f"{before}{MARKS[0]}{text}\n{MARKS[1]}{after}"


def section(set_name: str, model: str, document: dict[str, Any] | None) -> list[str]:
    """Heading, picture, table and verdict of one set and one model."""
    lines = [f"### {NAMES[set_name]}, {NAMES[model]}"]
    if document is None or not measured_rows(document):
        return [*lines, "Not measured yet."]
    first, hardware = measured_rows(document)[0], document["hardware"]
    picture = f"benchmarks-{set_name}-{model}.svg"
    lines += [
        f"{first['n']:,} evaluation rows, {hardware['threads']} threads of {hardware['cpu']} "
        f"(family {hardware['family']}, model {hardware['model']}; "
        f"{', '.join(hardware['features'])}).",
        "",
        f"![Accuracy over processor time of every row]({picture})",
        "",
        *table(document),
    ]
    made = {row["name"] for row in document["rows"]}
    missing = [peer.name for peer in PEERS if peer.name not in made]
    if missing:
        lines += ["", f"Not measured yet: {', '.join(missing)}."]
    found = verdict(measured_rows(document))
    return [*lines, "", *found] if found else lines


def summary(documents: Iterable[dict[str, Any]]) -> list[str]:
    """leanstage on every set and model that is measured, a line each."""
    lines = [
        "| leanstage on | accuracy (change in points, 95%) | times cheaper than float32 (95%) "
        f"| than the cheapest optimized peer that loses at most {MOST_LOST * 100:.0f} point "
        "| peers both cheaper and at least as accurate |",
        "|---|---|---|---|---|",
    ]
    for document in documents:
        found = standing(measured_rows(document))
        if found is None:
            continue
        best = "" if found.best is None else f"{_figure(found.times_less)}, {found.best['name']}"
        cells = (
            f"{NAMES[document['set']]}, {NAMES[document['model']]}",
            _accuracy(found.ours),
            _cheaper(found.ours),
            best,
            ", ".join(found.better) or "none",
        )
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def table(document: dict[str, Any]) -> list[str]:
    """All rows; what did not run says why."""
    lines = [HEAD, "|---|---|---|---|---|---|---:|---:|---:|"]
    for row in document["rows"]:
        if "error" in row:
            error = " ".join(str(row["error"]).split()).replace("|", "\\|")
            lines.append(f"| {row['name']} | {error} | | | | | | | |")
            continue
        cells = (
            row["name"],
            _accuracy(row),
            f"{_figure(row['cpu_seconds_per_1000'])} "
            f"({_span(map(_figure, row['cpu_seconds_per_1000_ci95']))})",
            _cheaper(row),
            f"{_figure(row['p50_ms'])} / {_figure(row['p95_ms'])}",
            f"{row['throughput_8']:,.0f} and {row['throughput_32']:,.0f}",
            f"{row['bytes'] / 1e6:.0f}",
            f"{row['peak_rss_bytes'] / 1e6:,.0f}",
            f"{row['seconds_to_produce'] / 60:.1f}",
        )
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def verdict(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The goal, as the figures have it; nothing where leanstage did not run beside a peer."""
    found = standing(rows)
    if found is None:
        return []
    said = (
        f"Both cheaper and at least as accurate as leanstage: {', '.join(found.better)}."
        if found.better
        else "No peer is both cheaper and at least as accurate as leanstage."
    )
    said += (
        f" leanstage changes accuracy by {points(found.ours['difference'])} points and takes "
        f"{_figure(1 / found.ours['of_fp32'])} times less processor time than PyTorch in float32"
    )
    if found.best is not None:
        said += (
            f", {_figure(found.times_less)} times less than {found.best['name']}, the "
            f"cheapest optimized peer that loses at most {MOST_LOST * 100:.0f} point"
        )
    return [f"{said}."]


@dataclass(frozen=True)
class Standing:
    """leanstage's row beside those of its peers.

    Attributes:
        better: names of the peers that dominate it.
        best: the cheapest optimized peer that loses at most :data:`MOST_LOST`, if any does.
    """

    ours: dict[str, Any]
    better: tuple[str, ...]
    best: dict[str, Any] | None

    @property
    def times_less(self) -> float:
        """Processor time of the best peer over that of leanstage."""
        assert self.best is not None
        return float(self.best["of_fp32"] / self.ours["of_fp32"])


def standing(rows: Sequence[dict[str, Any]]) -> Standing | None:
    """Where leanstage stands; None where it or its peers have not run."""
    ours = next((row for row in rows if row["name"] == OURS), None)
    peers = [row for row in rows if not is_ours(row)]
    if ours is None or not peers:
        return None
    kept = [row for row in peers if row["optimized"] and row["difference"] >= -MOST_LOST]
    return Standing(
        ours,
        tuple(row["name"] for row in peers if dominates(row, ours)),
        min(kept, key=lambda row: float(row["of_fp32"]), default=None),
    )


def points(change: float) -> str:
    """A change in points, signed, with a real minus."""
    return f"{change * 100:+.1f}".replace("-", "\N{MINUS SIGN}")


def _accuracy(row: dict[str, Any]) -> str:
    change = f"{points(row['difference'])}, {_span(map(points, row['difference_ci95']))}"
    return f"{row['accuracy'] * 100:.1f}% ({change})"


def _cheaper(row: dict[str, Any]) -> str:
    low, high = row["of_fp32_ci95"]
    return f"{_figure(1 / row['of_fp32'])} ({_span(map(_figure, (1 / high, 1 / low)))})"


def _figure(value: float) -> str:
    """Three figures, as far as they are before the point or just behind it."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _span(ends: Iterable[str]) -> str:
    return " to ".join(ends)


def _document(set_name: str, model: str) -> dict[str, Any] | None:
    path = RESULTS / f"peers-{set_name}-{model}.json"
    if not path.is_file():
        return None
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


if __name__ == "__main__":
    main()
