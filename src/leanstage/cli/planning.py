"""Commands on the decision tree: the plan for a model, and the tree as a page."""

from pathlib import Path
from typing import Annotated, get_args
from urllib.parse import urlsplit

import typer
from rich.console import Group
from rich.padding import Padding
from rich.text import Text

from leanstage.cli._shared import absolute, console, say
from leanstage.contracts import TECHNIQUES, Answer, HardwareProfile, Plan, Serving, write_atomically
from leanstage.errors import InputError

TreeOption = Annotated[
    Path | None,
    typer.Option("--tree", help="Branches of your own, in YAML; empty: LEANSTAGE_TREE's."),
]


def plan(
    model: Annotated[str, typer.Option(help="Folder or URI of the model.")],
    hardware: Annotated[
        str, typer.Option(help="Hardware profile: name, file or URI; auto: this machine.")
    ] = "auto",
    tolerance: Annotated[float, typer.Option(min=0.0, max=1.0, help="Accuracy to spare.")] = 0.01,
    serving: Annotated[
        str, typer.Option(help=f"What loads the model: {', '.join(get_args(Serving))}.")
    ] = "any",
    train_rows: Annotated[int, typer.Option(min=0, help="Rows to learn from.")] = 10_000,
    unlabelled_rows: Annotated[int, typer.Option(min=0, help="Further text to learn from.")] = 0,
    batch_size: Annotated[int, typer.Option(min=1, help="Rows of a request.")] = 8,
    request_rate: Annotated[
        float | None, typer.Option(help="Answers per second in production, on average.")
    ] = None,
    tree: TreeOption = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the plan.")] = None,
    mermaid: Annotated[
        bool, typer.Option("--mermaid", help="Print the path as a Mermaid picture instead.")
    ] = False,
) -> None:
    """Walk the decision tree for a model and say why it answers so."""
    from leanstage.gate.policies import tree_override
    from leanstage.plan import Load, load_tree
    from leanstage.plan.preview import preview_plan

    if serving not in get_args(Serving):
        known = ", ".join(get_args(Serving))
        raise InputError(f"{serving!r} is nothing that serves a model; use one of: {known}.")
    if request_rate is not None and request_rate <= 0:
        raise InputError("the request rate must be above 0; leave it out where nobody knows it.")
    if urlsplit(model).scheme == "models":
        _name_mlflow()
    made = preview_plan(
        absolute(model),
        train_rows=train_rows,
        unlabelled_rows=unlabelled_rows,
        tolerance=tolerance,
        hardware=_hardware(hardware),
        load=Load(batch_size, request_rate, serving),  # type: ignore[arg-type]
        tree=load_tree(tree or tree_override()),
    )
    if json_file is not None:
        made.save(json_file)
    if mermaid:
        from leanstage.plan.picture import path_picture

        typer.echo(path_picture(made), nl=False)
    else:
        _show(made)


def tree(
    tree: TreeOption = None,
    out: Annotated[Path | None, typer.Option(help="Write the page here.", dir_okay=False)] = None,
) -> None:
    """Check the decision tree, branches of your own included, and explain it as a page."""
    from leanstage.gate.policies import tree_override
    from leanstage.plan import load_tree
    from leanstage.plan.page import page
    from leanstage.plan.reach import never_taken

    merged = load_tree(tree or tree_override())
    text = page(merged)
    if out is None:
        typer.echo(text, nl=False)
    else:
        write_atomically(out, text.encode())
        say(str(out))
    if idle := never_taken(merged):
        typer.echo(f"Never taken, whatever the facts: {', '.join(idle)}.", err=True)


def _hardware(wanted: str) -> HardwareProfile:
    from leanstage.calibrate.profiles import AUTO, hardware_of, is_name

    if is_name(wanted) and wanted != AUTO:
        _name_mlflow()
    return hardware_of(wanted)


def _name_mlflow() -> None:
    """Only where it is asked: what it brings in takes longer than a walk through the tree."""
    from leanstage.runner.session import tracking_uri

    tracking_uri()


def _show(made: Plan) -> None:
    hardware = made.hardware
    console.print(
        Text.assemble(
            ("Decision tree ", "bold"),
            f"{made.tree_version} ({str(made.tree_sha256)[:12]}) for ",
            f"{made.facts['layers']} layers of {made.facts['hidden_size']}, ",
            f"{made.facts['learning_rows']:,} rows, a tolerance of {made.tolerance:.2%}, ",
            f"served by {hardware.name or hardware.cpu}",
            "" if hardware.calibration else " (not calibrated)",
        )
    )
    for technique in TECHNIQUES:
        console.print(Text(f"\n{technique}", style="bold underline"))
        for answer in made.path:
            if answer.technique == technique:
                console.print(Padding(_answered(answer), (0, 0, 0, 2)))
        settings = getattr(made, technique).model_dump(mode="json")
        what = ", ".join(f"{name} {_plain(value)}" for name, value in settings.items())
        console.print(Padding(Text.assemble(("settings ", "bold"), what), (0, 0, 0, 2)))


def _answered(answer: Answer) -> Group:
    from leanstage.plan.words import evidence

    style = "green" if answer.basis == "measured" else "cyan"
    lines = [f"{answer.reason} ({answer.source})", *evidence(answer)]
    return Group(
        Text(answer.question),
        Text.assemble(("→ ", style), (answer.answer, "bold"), (f"  [{answer.basis}]", style)),
        *(Padding(Text(line, style="dim"), (0, 0, 0, 2)) for line in lines),
    )


def _plain(value: object) -> str:
    if isinstance(value, list):
        return " then ".join(str(item) for item in value) or "none"
    return str(value)
