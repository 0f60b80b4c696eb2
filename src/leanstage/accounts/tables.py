"""Accounts as tables for a spreadsheet: one line a figure, its range in two columns."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from leanstage.accounts.inputs import factor_inputs
from leanstage.contracts import (
    Accounts,
    Disclosure,
    Factors,
    IntensityHistory,
    Interval,
    InventoryLine,
)

COLUMNS = (
    "section",
    "item",
    "low",
    "high",
    "unit",
    "origin",
    "basis",
    "year",
    "licence",
    "standard",
    "standard_version",
    "period_start",
    "period_end",
)
FACTOR_COLUMNS = ("factor", "value", "unit", "year", "origin", "source", "licence")
_YEAR_COLUMNS = (
    "model",
    "year",
    "days",
    "joules_per_answer_low",
    "joules_per_answer_high",
    "tiers",
    "change",
    "basis",
    "decisions",
)
_FORMULA = re.compile(r"[\t\r]|\s*[=+\-@]")


def cell(value: object) -> object:
    """A value as a cell; a text that a spreadsheet would compute is led by a quote."""
    if isinstance(value, tuple):
        value = " ".join(map(str, value))
    if isinstance(value, str) and _FORMULA.match(value):
        return f"'{value}"
    return value


def table(columns: Iterable[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """CSV with a header; what a row lacks, or is None, stays empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, tuple(columns), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: cell(value) for name, value in row.items()})
    return text.getvalue()


def accounts_csv(accounts: Accounts) -> str:
    """Inputs first, then everything that follows from them."""
    return table(COLUMNS, account_rows(accounts))


def account_rows(accounts: Accounts) -> Iterator[dict[str, Any]]:
    """The lines of an account, by column."""
    for each in accounts.inputs:
        row = each.model_dump(exclude={"name", "source"})
        yield {"section": "input", "item": each.name, "basis": each.source, **row}
    basis = f"In {accounts.setting.year}: answers, replicas that wait, and the overhead (PUE)."
    yield _line("energy", "data centre", accounts.kwh, "kWh", basis)
    capacity = accounts.capacity
    count = float(capacity.replicas)
    yield _line("capacity", "replicas", (count, count), "", capacity.basis)
    share = "share of their time that they answer"
    yield _line("capacity", share, capacity.busy, "", "Over the year, nights included.")
    intensity = accounts.intensity
    for name in ("operational", "embodied", "gco2e_per_answer"):
        figure = getattr(intensity, name)
        item = "SCI" if name == "gco2e_per_answer" else f"SCI, {name}"
        yield _line("intensity", item, figure, "gCO2e/answer", f"{intensity.boundary} grid")
    for line in accounts.inventory:
        yield _line("inventory", line_name(line), line.tco2e, "tCO2e", line.basis)
    for record in accounts.disclosures:
        yield _disclosure(record)
    if accounts.avoided is not None:
        avoided = accounts.avoided
        yield _line("avoided", "energy", avoided.kwh, "kWh", avoided.counterfactual)
        yield _line("avoided", "emissions", avoided.tco2e, "tCO2e", avoided.counterfactual)
        for assumption in avoided.assumptions:
            yield _line("avoided", "assumption", None, "", assumption)
    else:
        yield _line("avoided", "energy", None, "kWh", accounts.no_avoided)
    unit, basis = f"{accounts.currency}/million answers", accounts.cost_basis
    yield _line("cost", "per million answers", accounts.cost_per_million, unit, basis)


def factor_rows(factors: Factors) -> Iterator[dict[str, Any]]:
    """The factors of every region, by column."""
    for each in factor_inputs(factors, everywhere=True):
        row = each.model_dump(include={"unit", "year", "origin", "source", "licence"})
        yield {"factor": each.name, "value": each.low, **row}


def history_csv(history: IntensityHistory) -> str:
    """One line a model and year, or problem."""
    rows = [each.model_dump(exclude={"joules_per_answer"}) for each in history.years]
    for row, each in zip(rows, history.years, strict=True):
        row["joules_per_answer_low"], row["joules_per_answer_high"] = each.joules_per_answer
    return table(_YEAR_COLUMNS, [*rows, *({"basis": problem} for problem in history.problems)])


def line_name(line: InventoryLine) -> str:
    """A line of the inventory by scope, and by method or category."""
    if line.method is not None:
        return f"Scope 2, {line.method}-based"
    return f"Scope 3, category {line.category}"


def _disclosure(record: Disclosure) -> dict[str, Any]:
    line = _line("disclosure", record.concept, record.value, record.unit, record.basis)
    fields = {"standard", "standard_version", "period_start", "period_end"}
    return line | record.model_dump(include=fields)


def _line(
    section: str, item: str, figure: Interval | None, unit: str, basis: str = ""
) -> dict[str, Any]:
    low, high = figure or (None, None)
    row = {"section": section, "item": item, "low": low, "high": high, "unit": unit}
    return row | {"basis": basis}
