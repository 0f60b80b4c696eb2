"""Commands on accounts: what a model takes in a year, and how that went over the years."""

from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from leanstage.cli._shared import console, say
from leanstage.errors import InputError, LeanstageError

app = typer.Typer(
    help="Account for energy, emissions and money of what serves.", no_args_is_help=True
)

JsonFile = Annotated[Path | None, typer.Option("--json", help="Write one JSON document.")]
CsvFile = Annotated[Path | None, typer.Option("--csv", help="Write a table for a spreadsheet.")]
FactorsFile = Annotated[
    Path | None,
    typer.Option(help="Factors of your own in YAML, over LEANSTAGE_FACTORS and the shipped ones."),
]


@app.command()
def model(
    source: Annotated[
        str,
        typer.Argument(help="A report.json, an energy comparison, or a decision's MLflow run."),
    ],
    setting: Annotated[Path, typer.Option(help="Where it serves and how much, in YAML.")],
    form: Annotated[
        str | None, typer.Option(help="The measured form that serves; without it, the promoted.")
    ] = None,
    factors: FactorsFile = None,
    json_file: JsonFile = None,
    csv_file: CsvFile = None,
) -> None:
    """Account for one model over a year: SCI, inventory, disclosures, replicas and cost."""
    from leanstage.accounts import load_factors, load_setting
    from leanstage.accounts.account import account
    from leanstage.accounts.tables import account_rows, accounts_csv
    from leanstage.audit.subject import subject_of
    from leanstage.contracts import write_atomically
    from leanstage.report import escape
    from leanstage.runner.session import tracking_uri

    stated, known = load_setting(setting), load_factors(factors)
    tracking_uri()
    found = subject_of(source)
    name = form or found.form
    if name is None:
        raise InputError(f"{source} promotes nothing; name the form that serves with --form.")
    accounts = account(found.energy, stated, known, name)
    told = ("energy", "capacity", "intensity", "inventory", "avoided", "cost")
    rows = [row for row in account_rows(accounts) if row["section"] in told]
    figures = [row for row in rows if row["item"] != "assumption"]
    _print(("item", "least", "most", "unit"), map(_shown, figures))
    for row in figures:
        if row["low"] is None:
            say(escape.line(f"{row['item']}: {row['basis']}"), "Not known  ")
    kinds = Counter(each.origin for each in accounts.inputs)
    labelled = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    say(
        f"{accounts.subject} in {stated.year}; inputs: {labelled} (each, and the disclosures: "
        "--csv, --json)."
    )
    if accounts.avoided is not None:
        say(f"Avoided is a counterfactual: {' '.join(accounts.avoided.assumptions)}")
    if json_file is not None:
        accounts.save(json_file)
    if csv_file is not None:
        write_atomically(csv_file, accounts_csv(accounts).encode())


@app.command()
def history(
    models: Annotated[
        list[str] | None, typer.Argument(help="Registered models; without one, all.")
    ] = None,
    json_file: JsonFile = None,
    csv_file: CsvFile = None,
) -> None:
    """Energy per answer of the champions, year over year. Exit code 1 where one is not known."""
    from leanstage.accounts.tables import cell, history_csv
    from leanstage.audit.history import intensity_history
    from leanstage.contracts import write_atomically
    from leanstage.report import escape
    from leanstage.runner.session import tracking_uri

    tracking_uri()
    found = intensity_history(models or ())
    _print(
        ("model", "year", "days", "J per answer", "tier", "change", "why"),
        (
            (
                each.model,
                each.year,
                f"{each.days:.0f}",
                "{:.3g} to {:.3g}".format(*each.joules_per_answer),
                cell(each.tiers),
                "" if each.change is None else f"{each.change:+.1%}",
                each.basis,
            )
            for each in found.years
        ),
    )
    if not found.years and not found.problems:
        say(f"No gate has promoted a model in {found.where}.")
    for problem in found.problems:
        say(escape.line(problem), "Not known: ")
    if json_file is not None:
        found.save(json_file)
    if csv_file is not None:
        write_atomically(csv_file, history_csv(found).encode())
    if found.problems:
        raise typer.Exit(LeanstageError.exit_code)


@app.command()
def factors(factors: FactorsFile = None, csv_file: CsvFile = None) -> None:
    """Show the factors in force, each with its unit, year, source and licence."""
    from leanstage.accounts import load_factors
    from leanstage.accounts.tables import FACTOR_COLUMNS, factor_rows, table
    from leanstage.contracts import write_atomically

    known = load_factors(factors)
    rows = list(factor_rows(known))
    _print(FACTOR_COLUMNS, ([row.get(name, "") for name in FACTOR_COLUMNS] for row in rows))
    say(f"In force: region {known.region}, boundary {known.boundary}.")
    if csv_file is not None:
        write_atomically(csv_file, table(FACTOR_COLUMNS, rows).encode())


def _shown(row: dict[str, Any]) -> tuple[str, ...]:
    ends = ("not known" if row[end] is None else f"{row[end]:.4g}" for end in ("low", "high"))
    return (f"{row['section']}: {row['item']}", *ends, row["unit"])


def _print(columns: Any, rows: Any) -> None:
    from rich.table import Table
    from rich.text import Text

    from leanstage.report import escape

    shown = Table(*columns)
    for row in rows:
        shown.add_row(*(Text(escape.line(str(value))) for value in row))
    console.print(shown)
