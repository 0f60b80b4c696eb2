"""Energy and latency by load: that which is judged, and those beside it."""

from leanstage.contracts import EnergyComparison, Load, Ratio
from leanstage.report.document import Cell, Column, Row, Table
from leanstage.report.figures import (
    MISSING,
    change,
    joules,
    milliseconds,
    ratio,
    shown,
    significant,
    span,
)
from leanstage.report.names import find_arm


def loads_table(energy: EnergyComparison) -> Table:
    """One row for each load that was measured, and the latencies at the load they belong to."""
    baseline, candidate = energy.registered.against, energy.registered.arm
    by_arm = {arm.name: arm.joules_per_answer for arm in energy.arms}
    judged = f"in batches of {energy.workload.batch_size}: judged"
    pair = (baseline, candidate)
    rows = [_energy(judged, by_arm, pair, energy.registered, energy.strongest)]
    for load in energy.loads:
        joules_by_arm = load.joules_per_answer
        rows.append(_energy(_title(load), joules_by_arm, pair, load.registered, load.strongest))
    if (decode := energy.decode) is not None:
        token = "each token after the first"
        rows.append(
            _energy(token, decode.joules_per_token, pair, decode.registered, decode.strongest)
        )
    rows += [row for load in energy.loads for row in _services(load, baseline, candidate)]
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
        "unoptimized form is the cheapest at that load. Latency: wall clock of single requests; "
        "where requests come at a rate, from when one was due.",
    )


def _title(load: Load) -> str:
    batches = f"in batches of {load.batch_size}"
    if load.tokens_per_answer is not None:
        return f"reading prompts, {batches}"
    if load.request_rate is not None:
        return f"{significant(load.request_rate)} answers per second, {batches}"
    return "one at a time" if load.batch_size == 1 else batches


def _services(load: Load, baseline: str, candidate: str) -> list[Row]:
    """How the pair stood requests that came at a rate, where they did."""
    if load.request_rate is None:
        return []

    def of(arm: str) -> Cell:
        service = load.service.get(arm)
        if service is None:
            return Cell(MISSING, tone="quiet")
        if service.overloaded:
            answered = shown(service.achieved_rate, significant)
            return Cell("overloaded", f"{answered} answers per second", tone="bad")
        median = shown(service.latency_p50_ms, milliseconds)
        return Cell(shown(service.latency_p95_ms, milliseconds), f"median {median}")

    return [
        (
            Cell("Latency", f"95th percentile, {_title(load)}"),
            of(baseline),
            of(candidate),
            *[Cell(MISSING, tone="quiet")] * 2,
        )
    ]


def _energy(
    title: str,
    by_arm: dict[str, float],
    pair: tuple[str, str],
    registered: Ratio | None,
    strongest: Ratio | None,
) -> Row:
    def of(arm: str) -> Cell:
        return Cell(joules(by_arm[arm])) if arm in by_arm else Cell(MISSING, tone="quiet")

    def against(held: Ratio | None) -> Cell:
        if held is None:
            return Cell(MISSING, tone="quiet")
        return Cell(change(held.ratio), f"{ratio(held.ratio)}, {span(*held.ci95)}")

    return (
        Cell("Energy per token" if "token" in title else "Energy per answer", title),
        *map(of, pair),
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
