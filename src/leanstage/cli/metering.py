"""Commands on energy: which meters this machine has."""

import typer
from rich.table import Table

from leanstage.cli._shared import console, say

app = typer.Typer(help="Energy: the meters of this machine.", no_args_is_help=True)


@app.callback()
def energy() -> None:
    """Keeps this a group while it holds one command."""


@app.command()
def meters() -> None:
    """Say which meters work here, which is the best, and why not the others."""
    from leanstage.energy.meters import MeterError, survey

    table = Table("meter", "tier", "shortest window", "covers, or why it is not to be had")
    names: dict[str, str] = {}
    for kind, meter in survey().items():
        if isinstance(meter, MeterError):
            table.add_row(kind, "", "", str(meter))
        else:
            names[kind] = meter.info.name
            shortest = f"{meter.min_window_seconds:.3g} s" if meter.min_window_seconds else ""
            what = f"{meter.info.boundary}. {meter.info.detail}"
            table.add_row(meter.info.name, meter.info.tier, shortest, what)
    console.print(table)
    gpu = "+".join(names[kind] for kind in ("nvml", "rapl") if kind in names)
    say(f"Best on the GPU        {gpu if 'nvml' in names else 'none: not measured there'}")
    say(f"Best on the processor  {names.get('rapl', names['cpu-time'])}")
