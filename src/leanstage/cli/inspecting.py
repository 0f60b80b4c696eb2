"""Commands that look: the schemas."""

import json
from pathlib import Path
from typing import Annotated

import typer

from leanstage.cli._shared import say
from leanstage.contracts import DOCUMENTS, write_atomically


def schema(
    out: Annotated[Path, typer.Option(help="Folder for the schemas.", file_okay=False)],
) -> None:
    """Write the JSON Schema of every document that leanstage reads or writes."""
    for document in DOCUMENTS:
        path = out / f"{document.__name__}.schema.json"
        body = json.dumps(document.model_json_schema(mode="serialization"), indent=2) + "\n"
        write_atomically(path, body.encode())
        say(str(path))
