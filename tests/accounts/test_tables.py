"""Tables for a spreadsheet: every figure of the document, and nothing that it would compute."""

import csv
import io

from leanstage.accounts import load_factors
from leanstage.accounts.account import account
from leanstage.accounts.tables import FACTOR_COLUMNS, accounts_csv, factor_rows, history_csv, table
from leanstage.contracts import IntensityHistory, YearlyIntensity
from tests.accounts.evidence import comparison, setting


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_the_table_holds_what_the_document_holds() -> None:
    accounts = account(comparison(), setting(), load_factors())
    rows = read(accounts_csv(accounts))
    found = {(row["section"], row["item"]): row for row in rows}
    assert sum(row["section"] == "input" for row in rows) == len(accounts.inputs)
    sci = found["intensity", "SCI"]
    assert (float(sci["low"]), float(sci["high"])) == accounts.intensity.gco2e_per_answer
    energy = found["disclosure", "EnergyConsumptionRelatedToOwnOperations"]
    assert energy["standard_version"] == "2023/2772"
    assert energy["period_end"] == "2026-12-31"
    assert float(energy["low"]) == accounts.kwh[0] / 1000
    assert accounts.avoided is not None
    assert float(found["avoided", "energy"]["high"]) == accounts.avoided.kwh[1]
    assumptions = [row["basis"] for row in rows if row["item"] == "assumption"]
    assert tuple(assumptions) == accounts.avoided.assumptions


def test_what_is_not_known_is_an_empty_cell_with_its_reason() -> None:
    accounts = account(comparison(), setting(), load_factors())
    (row,) = (
        row for row in read(accounts_csv(accounts)) if row["item"] == "Scope 2, location-based"
    )
    assert (row["low"], row["high"]) == ("", "")
    assert "no direct intensity of the grid of World" in row["basis"]


def test_a_source_that_is_a_formula_stays_a_text() -> None:
    stated = setting(answers_per_year={"value": 1e7, "source": '=HYPERLINK("http://x")'})
    rows = read(accounts_csv(account(comparison(), stated, load_factors())))
    (row,) = (row for row in rows if row["item"] == "Answers per year")
    assert row["basis"].startswith("'=HYPERLINK")


def test_the_table_of_factors_names_unit_year_source_and_licence_of_each() -> None:
    factors = load_factors()
    rows = read(table(FACTOR_COLUMNS, factor_rows(factors)))
    lists = (factors.grids, factors.upstream, factors.losses, factors.residual)
    assert len(rows) == sum(map(len, lists)) + 8
    assert all(row[name] for row in rows for name in FACTOR_COLUMNS)


def test_a_history_is_a_line_a_year_and_a_line_a_problem() -> None:
    year = YearlyIntensity(
        model="=reviews",
        year=2025,
        days=365.0,
        joules_per_answer=(0.5, 2.0),
        tiers=("estimated", "measured"),
        decisions=("run-1", "run-2"),
        change=None,
        basis="There is no year before it on record.",
    )
    history = IntensityHistory(taken="now", where="here", years=(year,), problems=("gone.",))
    first, last = read(history_csv(history))
    assert first["model"] == "'=reviews"
    assert (first["joules_per_answer_low"], first["joules_per_answer_high"]) == ("0.5", "2.0")
    assert (first["change"], first["decisions"]) == ("", "run-1 run-2")
    assert (last["model"], last["basis"]) == ("", "gone.")
