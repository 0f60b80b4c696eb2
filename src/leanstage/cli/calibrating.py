"""The command that measures what this machine gains, or says what a pool of nodes is."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from leanstage.cli._shared import console, require_writable, say
from leanstage.contracts import HardwareProfile
from leanstage.errors import InputError


def calibrate(
    name: Annotated[str, typer.Option(help="What policies and runs call the profile.")] = "",
    out: Annotated[Path, typer.Option(help="File for the profile.", dir_okay=False)] = Path(
        "hardware.json"
    ),
    shape: Annotated[
        list[str] | None,
        typer.Option(metavar="LAYERSxHIDDEN", help="A model to measure; repeatable."),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="The small model alone, in less than a minute.")
    ] = False,
    nodes: Annotated[
        str,
        typer.Option(metavar="SELECTOR", help="Measure nothing: read the labels of these nodes."),
    ] = "",
    log: Annotated[
        bool, typer.Option("--log", help="Keep the profile in MLflow, to be found by its name.")
    ] = False,
) -> None:
    """Measure what bfloat16, int8, nf4, sparsity and smaller shapes really gain on this machine.

    Writes the hardware profile that `plan`, `run` and policies name. With --nodes it says what the
    nodes of a cluster are, from the labels of Node Feature Discovery, and measures nothing.
    """
    from leanstage.calibrate.profiles import log_profile, prepare_logging, require_name
    from leanstage.runner.session import tracking_uri

    if nodes and (quick or shape):
        raise InputError("--nodes measures nothing; leave --quick and --shape out.")
    if name:
        require_name(name)
    if log:
        tracking_uri()
        prepare_logging(name)
    require_writable(out, "--out")
    profile = _of_pool(nodes, name) if nodes else _measured(name, tuple(shape or ()), quick)
    # Kept before it is written: a disk that filled up meanwhile loses no measurement.
    run_id = log_profile(profile) if log else ""
    profile.save(out)
    if profile.calibration is not None:
        console.print(_table(profile.calibration.gains))
        say(f"Cost             {profile.calibration.unit}, against float32 under PyTorch")
    say(f"Node             {profile.kind()}\nProfile          {out}")
    if run_id:
        say(f"MLflow run       {run_id}")


def _of_pool(selector: str, name: str) -> HardwareProfile:
    from leanstage.calibrate.nodes import pool_profile

    return pool_profile(selector, name=name)


def _measured(name: str, shapes: tuple[str, ...], quick: bool) -> HardwareProfile:
    from leanstage.calibrate.measure import calibrate as measure
    from leanstage.calibrate.nodes import labels_or_reason

    aside = Console(stderr=True, markup=False)
    labels, reason = labels_or_reason()
    if reason:
        aside.print(reason, highlight=False, soft_wrap=True)
    with aside.status("preparing") as status:

        def show(what: str, fraction: float) -> None:
            line = f"{fraction:4.0%}  {what}"
            if aside.is_terminal:
                status.update(line)
            else:
                aside.print(line, highlight=False)

        return measure(name=name, shapes=shapes, quick=quick, labels=labels, progress=show)


def _table(gains: Any) -> Any:
    """One row a form and shape, one column a batch size."""
    from rich.table import Table

    sizes = sorted({gain.batch_size for gain in gains})
    table = Table("form", "model", *(f"batch of {size}" for size in sizes))
    rows: dict[tuple[str, str], dict[int, str]] = {}
    for gain in gains:
        rows.setdefault((gain.form, gain.shape), {})[gain.batch_size] = _cell(gain)
    for (form, model), cells in rows.items():
        table.add_row(form, model, *(cells.get(size, "") for size in sizes))
    return table


def _cell(gain: Any) -> str:
    if gain.ratio is None:
        return str(gain.error)
    low, high = gain.ci95
    return f"{gain.ratio:.2f} ({low:.2f} to {high:.2f})"
