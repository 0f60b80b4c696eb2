"""The command that looks at everything that serves."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from leanstage.cli._shared import console, say
from leanstage.errors import LeanstageError


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
) -> None:
    """Say of every version that serves whether it is optimized, justified or neither.

    Exit code 1 where something could not be read.
    """
    from leanstage.audit import JOURNAL, coverage_sentence, log_audit, survey, write_audit
    from leanstage.runner.session import tracking_uri

    tracking_uri()
    aside = Console(stderr=True)
    taken = survey(
        alias or (),
        lambda line: aside.print(line, style="dim", highlight=False),
        journal=None if out is None else out / JOURNAL,
    )
    if as_json:
        typer.echo(taken.model_dump_json(indent=2))
    else:
        if taken.entries:
            console.print(_table(taken.entries))
        say(coverage_sentence(taken))
    if out is not None:
        for path in write_audit(taken, out):
            aside.print(str(path), highlight=False, soft_wrap=True)
    if log:
        aside.print(f"MLflow run {log_audit(taken)}", highlight=False, soft_wrap=True)
    if not taken.complete:
        raise typer.Exit(LeanstageError.exit_code)


def _table(entries: Any) -> Any:
    from rich.table import Table
    from rich.text import Text

    from leanstage.audit import words
    from leanstage.report import escape

    table = Table("version", "status", "age", "size", "form", "energy saved", "why")
    for entry in entries:
        cells = (
            words.name(entry),
            words.TITLE[entry.status],
            words.age(entry),
            words.size(entry),
            words.form(entry),
            words.saving(entry),
            words.why(entry),
        )
        table.add_row(*(Text(str(escape.visible(cell))) for cell in cells))
    return table
