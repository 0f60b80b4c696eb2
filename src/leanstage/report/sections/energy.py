"""Energy: each model form, the ratios, what measured them and how far to trust that."""

from leanstage.contracts import EnergyComparison, Ratio
from leanstage.report import charts, names
from leanstage.report.document import Block, Cell, Chart, Column, Facts, Section, Table, Text
from leanstage.report.figures import (
    count,
    percent,
    ratio,
    ratio_tick,
    seconds,
    short,
    significant,
    span,
)
from leanstage.report.inputs import ReportInputs
from leanstage.report.sections.arms import arm_bars, arm_table, standing
from leanstage.report.sections.loads import loads_table


def energy_section(inputs: ReportInputs) -> Section:
    """The energy of the candidate that the report is about."""
    record = inputs.record(inputs.subject)
    energy = record.energy if record else None
    if energy is None:
        return Section(
            "energy", "Energy", "No energy comparison is on record, so no saving can be claimed."
        )
    judgement = inputs.judgement(inputs.subject)
    required = judgement.saving_required if judgement else None
    if required is None:
        required = inputs.policy.required_saving(energy.meter.tier)
    blocks: tuple[Block, ...] = (
        arm_bars(energy),
        _ratios(energy, required, inputs.policy.reference),
        loads_table(energy),
        arm_table(energy),
        _meter(energy),
        _checks(energy),
        *_rejected(energy),
    )
    trust = "" if energy.valid else " Not every check passed: see the table of checks."
    return Section(
        "energy",
        "Energy",
        f"{_thousand(energy)}Meter {energy.meter.name}, tier {energy.meter.tier}: "
        f"{names.TIER[energy.meter.tier]}. {_unit(energy)}, "
        f"asked in batches of {energy.workload.batch_size}.{trust}",
        blocks,
    )


def _unit(energy: EnergyComparison) -> str:
    """What one answer is."""
    tokens = energy.workload.tokens_per_answer
    endpoint = energy.workload.endpoint
    through = f" through {endpoint}" if endpoint else ""
    if tokens is None:
        return f"One answer is one row of the workload{through}"
    return f"One answer is {count(tokens)} tokens written to one prompt of the workload{through}"


def _thousand(energy: EnergyComparison) -> str:
    before = names.find_arm(energy, energy.registered.against)
    after = names.find_arm(energy, energy.registered.arm)
    if before is None or after is None:
        return ""
    return (
        f"1,000 answers of the candidate take {significant(after.wh_per_1000)} Wh, of the baseline "
        f"as registered {significant(before.wh_per_1000)} Wh. "
    )


def _ratios(energy: EnergyComparison, required: float, reference: str) -> Chart:
    rows: tuple[tuple[str, Ratio, charts.Series], ...] = (
        ("Against the baseline as registered", energy.registered, "baseline"),
        ("Against its strongest unoptimized form", energy.strongest, "reference"),
        ("Control: a model against itself", energy.control, "other"),
    )
    spans = [
        charts.Span(label, *r.ci95, r.ratio, ratio(r.ratio), series, interval=span(*r.ci95))
        for label, r, series in rows
    ]
    target = 1.0 - required
    limits = (
        charts.Limit(1.0, "As much as the baseline (1)", "zero"),
        charts.Limit(target, f"Required: at most {significant(target)}", "hard"),
    )
    words = " ".join(
        f"{label}: ratio {ratio(r.ratio)}, 95% interval {span(*r.ci95)}, {count(r.blocks)} blocks."
        for label, r, _ in rows
    )
    held = "its strongest unoptimized form" if reference == "strongest" else "the registered form"
    return Chart(
        charts.intervals(
            "energy-ratio",
            "Energy ratio, candidate over baseline",
            words,
            spans,
            limits,
            ratio_tick,
            origin=0.0,
        ),
        "Energy ratio, candidate over baseline",
        f"Dot: ratio. Bar: 95% interval. The policy asks to save {percent(required)} against "
        f"{held} on this tier. The control should sit at 1. {standing(energy)}.",
    )


def _meter(energy: EnergyComparison) -> Facts:
    meter, work = energy.meter, energy.workload
    return Facts(
        "How it was measured",
        (
            ("Meter", Cell(meter.name, meter.detail)),
            ("Tier", Cell(meter.tier, names.TIER[meter.tier])),
            ("Boundary", Cell(meter.boundary)),
            ("Workload", Cell(work.label, f"{count(work.rows)} rows, batch {work.batch_size}")),
            ("Workload data", Cell(f"SHA-256 {short(work.dataset_sha256)}…")),
            (
                "Measured for",
                Cell(seconds(energy.seconds), f"{count(len(energy.windows))} windows"),
            ),
        ),
    )


def _checks(energy: EnergyComparison) -> Table:
    control = energy.control
    rows = [
        (
            Cell(check.name),
            Cell("Passed", tone="good") if check.passed else Cell("Failed", tone="bad"),
            Cell(check.detail or "no detail"),
        )
        for check in energy.checks
    ]
    return Table(
        "Checks on the measurement",
        (Column("Check"), Column("Outcome"), Column("Detail", "prose")),
        tuple(rows),
        f"Control: the same model measured twice gave a ratio of {ratio(control.ratio)} "
        f"(95% interval {span(*control.ci95)}, {count(control.blocks)} blocks); "
        "a perfect measurement gives 1.",
    )


def _rejected(energy: EnergyComparison) -> tuple[Text, ...]:
    if not energy.meter.rejected:
        return ()
    words = "; ".join(reason.rstrip(".") for reason in energy.meter.rejected)
    return (Text(f"Better meters that are not available here: {words}.", tone="quiet"),)
