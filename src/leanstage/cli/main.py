"""The command itself: its options, its commands, and how an error ends it."""

import os
import sys
import warnings
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from leanstage import __version__
from leanstage.cli import (
    accounting,
    auditing,
    calibrating,
    carding,
    collecting,
    comparing,
    delivering,
    inspecting,
    judging,
    metering,
    packaging,
    planning,
    policies,
    running,
    serving,
    submitting,
    triggering,
    trust,
    uploading,
)
from leanstage.errors import LeanstageError
from leanstage.progress import DEBUG_VARIABLE

app = typer.Typer(
    help="Ship the lean model by default: distill, prune, quantize, evaluate, measure, gate.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (
    running.demo,
    running.run,
    running.optimize,
    submitting.submit,
    judging.decide,
    judging.justify,
    judging.rollback,
    calibrating.calibrate,
    delivering.rollout,
    delivering.fetch,
    serving.serve,
    auditing.audit,
    collecting.gc,
    packaging.retarget,
    uploading.upload,
    triggering.trigger,
    trust.keygen,
    trust.verify,
    carding.card,
    planning.plan,
    planning.tree,
    comparing.harness,
    inspecting.schema,
):
    app.command()(command)
app.command("compile")(packaging.compile_packages)
metering.app.command("compare")(comparing.energy)
app.add_typer(policies.app, name="policy")
app.add_typer(metering.app, name="energy")
app.add_typer(accounting.app, name="accounts")
app.add_typer(triggering.app, name="webhook")


def _version(value: bool) -> None:
    if value:
        Console().print(__version__)
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks instead of one sentence.")
    ] = False,
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Options of every command."""
    if debug:
        os.environ[DEBUG_VARIABLE] = "1"


def _fail(sentence: str) -> None:
    text = Text.assemble(("Error", "bold red"), f": {sentence}")
    Console(stderr=True).print(text, soft_wrap=True)


def main() -> None:
    """Run the command; an error of ours is one sentence and its exit code, never a traceback."""
    warnings.filterwarnings("ignore")
    try:
        app()
    except LeanstageError as error:
        if os.environ.get(DEBUG_VARIABLE):
            raise
        _fail(str(error))
        sys.exit(error.exit_code)
    except OSError as error:
        if os.environ.get(DEBUG_VARIABLE):
            raise
        where = error.filename or "a file"
        _fail(f"{where}: {error.strerror}.")
        sys.exit(LeanstageError.exit_code)
    except KeyboardInterrupt:
        Console(stderr=True).print("Interrupted; every process of the run was stopped.")
        sys.exit(130)
