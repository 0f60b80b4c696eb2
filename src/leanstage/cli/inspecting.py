"""Commands that look: the plan for a model, the schemas."""

import json
from pathlib import Path
from typing import Annotated

import typer

from leanstage.cli._shared import absolute, console, say
from leanstage.contracts import DOCUMENTS, Plan, write_atomically


def plan(
    model: Annotated[str, typer.Option(help="Folder or URI of the model.")],
    train_rows: Annotated[int, typer.Option(min=0, help="Rows to learn from.")] = 10_000,
    tolerance: Annotated[float, typer.Option(min=0.0, max=1.0, help="Accuracy to spare.")] = 0.01,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the plan.")] = None,
) -> None:
    """Walk the decision tree for a model on this machine and say why it answers so."""
    from leanstage.resolve.preview import preview_plan
    from leanstage.runner.session import tracking_uri

    tracking_uri()
    made = preview_plan(absolute(model), train_rows=train_rows, tolerance=tolerance)
    if json_file is not None:
        made.save(json_file)
    _print_plan(made)


def schema(
    out: Annotated[Path, typer.Option(help="Folder for the schemas.", file_okay=False)],
) -> None:
    """Write the JSON Schema of every document that leanstage reads or writes."""
    for document in DOCUMENTS:
        path = out / f"{document.__name__}.schema.json"
        body = json.dumps(document.model_json_schema(mode="serialization"), indent=2) + "\n"
        write_atomically(path, body.encode())
        say(str(path))


def _print_plan(made: Plan) -> None:
    for answer in made.path:
        console.print(f"[bold]{answer.question}[/]\n  {answer.answer}", highlight=False)
        console.print(f"  [dim]{answer.reason} ({answer.source})[/]\n", highlight=False)
