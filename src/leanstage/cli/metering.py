"""Commands on energy: which meters this machine has."""

from typing import Annotated

import typer
from rich.table import Table

from leanstage.cli._shared import console, say
from leanstage.contracts import FoundMeter, MeterSurvey

app = typer.Typer(help="Energy: the meters of this machine.", no_args_is_help=True)


@app.callback()
def energy() -> None:
    """Keeps this a group while it holds one command."""


@app.command()
def meters(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document instead of a table.")
    ] = False,
) -> None:
    """Say which meters work here, which is the best, and why not the others."""
    from leanstage.energy.meters import survey

    found = survey()
    document = MeterSurvey(
        meters=tuple(
            FoundMeter(
                info=meter.info,
                works=meter.works,
                min_window_seconds=meter.min_window_seconds if meter.works else None,
            )
            for meter in found.meters
        ),
        gpu=found.gpu.info if found.gpu.works else None,
        processor=found.processor.info if found.processor.works else None,
    )
    if as_json:
        typer.echo(document.model_dump_json(indent=2))
        return
    table = Table("meter", "tier", "shortest window", "covers, or why it is not to be had")
    for meter in document.meters:
        info, shortest = meter.info, meter.min_window_seconds
        what = f"{info.boundary}. {info.detail}" if meter.works else info.detail
        window = f"{shortest:.3g} s" if shortest else ""
        table.add_row(info.name, info.tier if meter.works else "", window, what)
    console.print(table)
    for device, best in (("GPU", document.gpu), ("processor", document.processor)):
        name = best.name if best else "none: not measured there"
        say(f"Best on the {device:<10} {name}")
