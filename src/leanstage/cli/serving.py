"""The command that serves a variant."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from leanstage.errors import InputError


def serve(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A variant that was promoted.")],
    name: Annotated[str, typer.Option(help="What the model is called in requests.")] = "model",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8080,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "0.0.0.0",
) -> None:
    """Serve a classifier over KServe's protocols, by the predictor that judged it."""
    if find_spec("kserve") is None:
        raise InputError(
            "kserve is not installed here; run the image leanstage-serve, or install what "
            "images/serve/requirements.txt names into an environment of its own."
        )
    from leanstage.serving.predictor import serve as run

    run(folder, name=name, host=host, port=port)
