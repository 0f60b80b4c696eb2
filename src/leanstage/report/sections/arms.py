"""Every measured model form: its energy as bars, and all its figures."""

from leanstage.contracts import Arm, EnergyComparison
from leanstage.report import charts, names
from leanstage.report.document import Cell, Chart, Column, Table
from leanstage.report.figures import (
    count,
    joules,
    milliseconds,
    seconds,
    shown,
    significant,
    size,
)


def standing(energy: EnergyComparison) -> str:
    """What stands behind the figures of a comparison: meter, tier, batch and blocks."""
    return (
        f"{energy.meter.name} ({energy.meter.tier}), batch {energy.workload.batch_size}, "
        f"{count(energy.registered.blocks)} blocks"
    )


def _series(energy: EnergyComparison, arm: Arm) -> charts.Series:
    if arm.name == energy.registered.arm:
        return "candidate"
    if arm.name == energy.registered.against:
        return "baseline"
    return "reference" if arm.name == energy.strongest.against else "other"


def arm_bars(energy: EnergyComparison) -> Chart:
    """Energy per answer of every form but the control."""
    items = [
        charts.Bar(
            names.arm_title(energy, arm.name),
            arm.joules_per_answer,
            joules(arm.joules_per_answer),
            _series(energy, arm),
        )
        for arm in _sorted(energy)
        if arm.name != energy.control.arm
    ]
    words = "; ".join(f"{item.label}: {item.figure}" for item in items)
    return Chart(
        charts.bars("energy-bars", "Energy per answer by model form", f"{words}.", items),
        "Energy per answer, J/answer",
        f"Shorter is better. {standing(energy)}.",
    )


def arm_table(energy: EnergyComparison) -> Table:
    """All figures of every form; per output token where answers are written."""
    writes = energy.workload.tokens_per_answer is not None
    return Table(
        "Every model form that was measured",
        (
            Column("Model form"),
            Column("J/answer", "number"),
            *([Column("J/output token", "number")] if writes else []),
            Column("Beyond rest", "number"),
            Column("Wh per 1,000", "number"),
            Column("CPU per answer", "number"),
            Column("Latency, median", "number"),
            Column("Latency, 95th pct.", "number"),
            Column("Load time", "number"),
            Column("Peak memory", "number"),
        ),
        tuple(
            (
                Cell(
                    names.arm_title(energy, arm.name),
                    _arm_detail(energy, arm),
                ),
                Cell(significant(arm.joules_per_answer)),
                *_per_token(energy, arm),
                Cell(shown(arm.dynamic_joules_per_answer, joules)),
                Cell(significant(arm.wh_per_1000)),
                Cell(shown(arm.cpu_ms_per_answer, milliseconds)),
                Cell(milliseconds(arm.latency_p50_ms)),
                Cell(milliseconds(arm.latency_p95_ms)),
                Cell(shown(arm.load_seconds, seconds)),
                Cell(shown(arm.peak_rss_bytes, size)),
            )
            for arm in _sorted(energy)
        ),
        f"Energy and CPU time: {standing(energy)}. Latency: wall clock at batch 1. "
        "Loading is not part of the energy. Beyond rest: without what the machine drew while every "
        "model was in memory and none was asked, a diagnostic.",
    )


def _per_token(energy: EnergyComparison, arm: Arm) -> list[Cell]:
    figure = energy.joules_per_token(arm)
    return [] if figure is None else [Cell(significant(figure))]


def _arm_detail(energy: EnergyComparison, arm: Arm) -> str:
    form = names.form(arm.runtime, arm.precision)
    titled = names.arm_title(energy, arm.name) != arm.name
    return f"{arm.name}: {form}" if titled else form


def _sorted(energy: EnergyComparison) -> list[Arm]:
    """Most energy first, so that the candidate's place is read at a glance."""
    return sorted(energy.arms, key=lambda arm: -arm.joules_per_answer)
