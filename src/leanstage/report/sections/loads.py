"""Energy and latency by load: in batches as in production, and one at a time."""

from leanstage.contracts import EnergyComparison, Ratio
from leanstage.report.document import Cell, Column, Row, Table
from leanstage.report.figures import MISSING, change, joules, milliseconds, ratio, span
from leanstage.report.names import find_arm


def loads_table(energy: EnergyComparison) -> Table:
    """One row for each load that was measured, and the latencies at the load they belong to."""
    baseline, candidate = energy.registered.against, energy.registered.arm
    by_arm = {arm.name: arm.joules_per_answer for arm in energy.arms}
    judged = f"in batches of {energy.workload.batch_size}: judged"
    rows = [_energy(judged, by_arm, energy.registered, energy.strongest)]
    for load in energy.loads:
        title = "one at a time" if load.batch_size == 1 else f"in batches of {load.batch_size}"
        rows.append(_energy(title, load.joules_per_answer, load.registered, load.strongest))
    return Table(
        "By load",
        (
            Column("Figure"),
            Column("Baseline", "number"),
            Column("Candidate", "number"),
            Column("Against registered", "number"),
            Column("Against strongest", "number"),
        ),
        (*rows, *_latencies(energy, baseline, candidate)),
        f"Ratios with their 95% intervals; {energy.meter.name}, {energy.meter.tier}. The strongest "
        "unoptimized form is the cheapest at that load. Latency: wall clock of single requests.",
    )


def _energy(title: str, by_arm: dict[str, float], registered: Ratio, strongest: Ratio) -> Row:
    def of(arm: str) -> Cell:
        return Cell(joules(by_arm[arm])) if arm in by_arm else Cell(MISSING, tone="quiet")

    def against(held: Ratio) -> Cell:
        return Cell(change(held.ratio), f"{ratio(held.ratio)}, {span(*held.ci95)}")

    return (
        Cell("Energy per answer", title),
        of(registered.against),
        of(registered.arm),
        against(registered),
        against(strongest),
    )


def _latencies(energy: EnergyComparison, baseline: str, candidate: str) -> list[Row]:
    base, own = find_arm(energy, baseline), find_arm(energy, candidate)
    best = find_arm(energy, energy.strongest.against)
    if base is None or own is None:
        return []
    rows: list[Row] = []
    for title, field in (("median", "latency_p50_ms"), ("95th percentile", "latency_p95_ms")):
        before, after = getattr(base, field), getattr(own, field)
        strongest = change(after / getattr(best, field)) if best else MISSING
        rows.append(
            (
                Cell("Latency", f"{title}, one at a time"),
                Cell(milliseconds(before)),
                Cell(milliseconds(after)),
                Cell(change(after / before)),
                Cell(strongest),
            )
        )
    return rows
