"""Emissions and cost: ranges, with every factor and its source."""

from leanstage.contracts import (
    ORIGIN_OF_TIER,
    EnergyComparison,
    Factor,
    Factors,
    Footprint,
    Interval,
)
from leanstage.report import names
from leanstage.report.document import Cell, Column, Row, Section, Table
from leanstage.report.figures import amounts, plain
from leanstage.report.footprint import footprints
from leanstage.report.inputs import ReportInputs


def footprint_section(inputs: ReportInputs) -> Section:
    """What the answers of every measured form emit and cost."""
    record = inputs.record(inputs.subject)
    energy, factors = record.energy if record else None, inputs.factors
    title = "Emissions and cost"
    if factors is None:
        lead = f"{inputs.no_factors} Neither emissions nor cost are stated."
        return Section("footprint", title, lead)
    if energy is None:
        return Section(
            "footprint", title, "No energy was measured, so neither emissions nor cost are known."
        )
    found = footprints(energy, factors)
    return Section(
        "footprint",
        title,
        f"{_lead(found, energy, factors)}The ranges come from "
        f"{'the meter, ' if energy.meter.scale else ''}the data centre and the price; they move "
        "all forms together, so the ratio between two forms is surer than either.",
        (_table(found, energy, factors), _factors(energy, factors, inputs.decision.decided[:4])),
    )


def _lead(found: tuple[Footprint, ...], energy: EnergyComparison, factors: Factors) -> str:
    own = next((each for each in found if each.arm == energy.registered.arm), None)
    base = next((each for each in found if each.arm == energy.registered.against), None)
    if own is None or base is None:
        return ""
    return (
        f"1,000 answers of the candidate emit {amounts(*own.gco2e_per_1000)} gCO2e, of the "
        f"baseline as registered {amounts(*base.gco2e_per_1000)} gCO2e; a million take "
        f"electricity for {factors.currency} {amounts(*own.cost_per_million)} against "
        f"{amounts(*base.cost_per_million)}. "
    )


def _table(found: tuple[Footprint, ...], energy: EnergyComparison, factors: Factors) -> Table:
    rows = [_row(energy, each) for each in found]
    base = next((each for each in found if each.arm == energy.registered.against), None)
    if base is not None:
        rows.append(_saved(base, 1.0 - energy.registered.ratio))
    return Table(
        "What answers emit and cost",
        (
            Column("Model form"),
            Column("Wh per 1,000 answers", "number"),
            Column("gCO2e per 1,000 answers", "number"),
            Column(f"{factors.currency} per million answers", "number"),
        ),
        tuple(rows),
        f"Energy: {energy.meter.name} ({energy.meter.tier}), batches of "
        f"{energy.workload.batch_size}. Electricity alone: no hardware, no people, no making of "
        "the machine.",
    )


def _row(energy: EnergyComparison, each: Footprint) -> Row:
    return (
        Cell(names.arm_title(energy, each.arm)),
        Cell(amounts(*each.wh_per_1000)),
        Cell(amounts(*each.gco2e_per_1000)),
        Cell(amounts(*each.cost_per_million)),
    )


def _saved(base: Footprint, share: float) -> Row:
    def part(whole: Interval) -> Cell:
        low, high = sorted(end * share for end in whole)
        return Cell(amounts(low, high), tone="good" if share > 0 else "bad")

    return (
        Cell("Saved by the candidate", "against the baseline as registered"),
        part(base.wh_per_1000),
        part(base.gco2e_per_1000),
        part(base.cost_per_million),
    )


def _factors(energy: EnergyComparison, factors: Factors, year: str) -> Table:
    grid = f"Grid: {factors.region}, {factors.boundary}"
    ends = (
        *((grid, "gCO2e/kWh", factor) for factor in factors.intensities),
        ("Data centre (PUE), least", "kWh per kWh", factors.pue.low),
        ("Data centre (PUE), most", "kWh per kWh", factors.pue.high),
        ("Electricity, least", f"{factors.currency} per kWh", factors.price.low),
        ("Electricity, most", f"{factors.currency} per kWh", factors.price.high),
    )
    return Table(
        "Factors",
        (
            Column("Factor"),
            Column("Value", "number"),
            Column("Year", "number"),
            Column("Kind"),
            Column("Source", "prose"),
        ),
        (_meter(energy, year), *(_factor(*end) for end in ends)),
        "Figures of your own: YAML with any of region, boundary, grids, pue and price; "
        "LEANSTAGE_FACTORS holds it or names its file.",
    )


def _meter(energy: EnergyComparison, year: str) -> Row:
    """What the energy itself is, and by what it may be wrong."""
    meter = energy.meter
    value, unit = ("as read", "")
    if meter.scale:
        value, unit = f"{meter.scale[0]:g} to {meter.scale[1]:g}", "times what is stated"
    return (
        Cell("Energy"),
        Cell(value, unit),
        Cell(year),
        Cell(ORIGIN_OF_TIER[meter.tier]),
        Cell(f"{meter.name}, {meter.tier}", names.TIER[meter.tier]),
    )


def _factor(name: str, unit: str, factor: Factor) -> Row:
    return (
        Cell(name),
        Cell(plain(factor.value), unit),
        Cell(str(factor.year)),
        Cell(factor.origin),
        Cell(factor.source, factor.licence),
    )
