"""The command that looks at everything that serves."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from leanstage.cli._shared import console
from leanstage.errors import InputError, LeanstageError

_ROWS = 100
"""Entries in the terminal at most."""


def audit(
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for audit.json, audit.csv and audit.html.", file_okay=False),
    ] = None,
    alias: Annotated[
        list[str] | None,
        typer.Option(help="An alias that counts as serving beside champion; repeatable."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document instead of a table.")
    ] = False,
    log: Annotated[
        bool, typer.Option("--log", help="Keep the files in MLflow too, in leanstage-audit.")
    ] = False,
    cluster: Annotated[
        bool, typer.Option(help="Read what serves on the cluster of this pod or kubeconfig.")
    ] = True,
    namespace: Annotated[
        list[str] | None,
        typer.Option(help="A namespace of the cluster to read; repeatable. Without one, all."),
    ] = None,
    volume: Annotated[
        Path | None,
        typer.Option(help="CSV of model and requests_per_year or requests_per_day."),
    ] = None,
    prometheus: Annotated[
        str | None,
        typer.Option(
            envvar="LEANSTAGE_PROMETHEUS", help="Address of a Prometheus that counts requests."
        ),
    ] = None,
    query: Annotated[
        str | None,
        typer.Option(help="PromQL for requests a day by namespace and name, or by model."),
    ] = None,
    sizes: Annotated[
        int,
        typer.Option(min=0, help="Read the size of so many models that no gate decided on."),
    ] = 0,
    whole: Annotated[
        bool, typer.Option("--bytes", help="Download what was promoted and hash every byte.")
    ] = False,
    submit: Annotated[
        int,
        typer.Option(min=0, help="Ask the trigger for runs of so many models, from the top."),
    ] = 0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With --submit: only say which.")
    ] = False,
) -> None:
    """Say of every model that serves whether it is optimized, justified or neither.

    Exit code 1 where something could not be read.
    """
    from rich.text import Text

    from leanstage.audit import (
        JOURNAL,
        Sources,
        ask,
        log_audit,
        survey,
        told,
        write_audit,
    )
    from leanstage.report import escape
    from leanstage.runner.session import tracking_uri

    if dry_run and not submit:
        raise InputError("--dry-run goes with --submit N: without it nothing is asked for.")
    if namespace and not cluster:
        raise InputError("--namespace and --no-cluster exclude each other; leave one out.")
    tracking_uri()
    aside = Console(stderr=True, markup=False)
    taken = survey(
        alias or (),
        lambda line: aside.print(line, style="dim", highlight=False),
        journal=None if out is None else out / JOURNAL,
        sources=Sources(cluster, tuple(namespace or ()), volume, prometheus, query, sizes, whole),
    )
    if as_json:
        typer.echo(taken.model_dump_json(indent=2))
    else:
        _show(taken)
    if out is not None:
        for path in write_audit(taken, out):
            aside.print(str(path), highlight=False, soft_wrap=True)
    if log:
        aside.print(f"MLflow run {log_audit(taken)}", highlight=False, soft_wrap=True)
    for line in told(ask(taken.entries, submit, write=not dry_run)):
        aside.print(Text(escape.line(line)), soft_wrap=True)
    if not taken.complete:
        raise typer.Exit(LeanstageError.exit_code)


def _show(taken: Any) -> None:
    """The table with the most to save on top, coverage, and what could not be read."""
    from rich.text import Text

    from leanstage.audit import coverage_sentence, words
    from leanstage.report import escape

    if taken.entries:
        console.print(_table(taken.entries[:_ROWS]))
    lines = [f"Not read: {problem}" for problem in taken.problems]
    if len(taken.entries) > _ROWS:
        lines.append(f"The first {_ROWS} of {len(taken.entries):,}; --out writes all.")
    for line in (*lines, *taken.notes, coverage_sentence(taken), words.total(taken)):
        if line:
            console.print(Text(escape.line(line)), soft_wrap=True)


def _table(entries: Any) -> Any:
    from rich.table import Table
    from rich.text import Text

    from leanstage.audit import words
    from leanstage.report import escape

    table = Table("model", "status", "to save a year", "age", "size", "form", "saved", "why")
    for entry in entries:
        cells = (
            words.name(entry),
            words.TITLE[entry.status],
            words.kwh(entry),
            words.age(entry),
            words.size(entry),
            words.form(entry),
            words.saving(entry),
            words.why(entry),
        )
        table.add_row(*(Text(escape.line(cell)) for cell in cells))
    return table
