"""The ``leanstage`` command. Thin: each command asks a library and shows the answer."""

import json
import os
import sys
import warnings
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from leanstage import __version__
from leanstage.contracts import DOCUMENTS, Outcome, Plan, write_atomically
from leanstage.errors import BlockedError, LeanstageError
from leanstage.progress import DEBUG_VARIABLE

app = typer.Typer(
    help="Ship the lean model by default: distill, prune, quantize, evaluate, measure, gate.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
console = Console()

JsonOption = Annotated[
    Path | None, typer.Option("--json", help="Write the outcome as one JSON document.")
]
OutOption = Annotated[
    Path | None, typer.Option("--out", help="Folder for this run; new or empty.", file_okay=False)
]


class Deploy(StrEnum):
    """What to ship."""

    optimized = "optimized"
    baseline = "baseline"


class Grounds(StrEnum):
    """On what grounds the baseline ships."""

    accuracy = "accuracy"
    no_saving = "no_saving"
    runtime = "runtime"


def _version(value: bool) -> None:
    if value:
        console.print(__version__)
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


@app.command()
def demo(
    policy: Annotated[str, typer.Option(help="ModelPolicy in YAML; empty is the default.")] = "",
    deploy: Annotated[Deploy, typer.Option(help="What to ship.")] = Deploy.optimized,
    out: OutOption = None,
    json_file: JsonOption = None,
) -> None:
    """Optimize a real model on this machine, from weights and reviews that ship in packages."""
    from leanstage.demo.run import arguments
    from leanstage.runner.session import execute, run_folder

    folder = run_folder(out, "demo")
    request = arguments(console, policy=policy, deploy=deploy.value)
    outcome = execute("deploy", request, folder=folder, console=console, json_file=json_file)
    _finish(outcome)


@app.command()
def run(
    model: Annotated[str, typer.Option(help="Folder, models:/name/1, hf://org/name@commit, s3://")],
    train: Annotated[str, typer.Option(help="Training rows: JSON Lines or parquet.")],
    evaluation: Annotated[str, typer.Option("--eval", help="Rows that the gate judges on.")],
    validation: Annotated[str, typer.Option(help="Rows on which settings are chosen.")] = "",
    unlabelled: Annotated[str, typer.Option(help="Further text to distill on.")] = "",
    policy: Annotated[str, typer.Option(help="ModelPolicy in YAML; empty is the default.")] = "",
    name: Annotated[str, typer.Option(help="Registered model; empty keeps the model's name.")] = "",
    deploy: Annotated[Deploy, typer.Option(help="What to ship.")] = Deploy.optimized,
    seed: Annotated[int, typer.Option(help="Seed of the training.")] = 0,
    energy_blocks: Annotated[int, typer.Option(min=4, help="Energy blocks per candidate.")] = 10,
    out: OutOption = None,
    json_file: JsonOption = None,
) -> None:
    """Run the whole line on a model of yours: optimize, evaluate, measure, gate, promote."""
    from leanstage.runner.session import execute, run_folder

    outcome = execute(
        "deploy",
        {
            "model": _absolute(model),
            "train_data": _absolute(train),
            "evaluation_data": _absolute(evaluation),
            "validation_data": _absolute(validation),
            "unlabelled_data": _absolute(unlabelled),
            "policy": _absolute(policy),
            "name": name,
            "deploy": deploy.value,
            "seed": seed,
            "energy_blocks": energy_blocks,
        },
        folder=run_folder(out, "run"),
        console=console,
        json_file=json_file,
    )
    _finish(outcome)


@app.command()
def decide(
    run_id: Annotated[str, typer.Argument(help="MLflow run of an earlier run.")],
    out: OutOption = None,
    json_file: JsonOption = None,
) -> None:
    """Judge an earlier run again from its logged evidence, and promote what may be promoted."""
    from leanstage.runner.session import execute, run_folder

    folder = run_folder(out, "decide")
    outcome = execute(
        "decide", {"run_id": run_id}, folder=folder, console=console, json_file=json_file
    )
    _finish(outcome)


@app.command()
def justify(
    model: Annotated[str, typer.Option(help="Registered model.")],
    version: Annotated[str, typer.Option(help="Version that is to ship unoptimized.")],
    decision: Annotated[str, typer.Option(help="MLflow run of the blocked run.")],
    grounds: Annotated[Grounds, typer.Option(help="Why the baseline ships.")],
    reason: Annotated[str, typer.Option(help="The reason, in a sentence or more.")],
    evidence: Annotated[list[Path] | None, typer.Option(help="File to keep with it.")] = None,
    expires: Annotated[str | None, typer.Option(help="Last day, YYYY-MM-DD; 90 days on.")] = None,
    experiment: Annotated[
        str | None, typer.Option(help="Approver's MLflow experiment; the policy's first.")
    ] = None,
) -> None:
    """Log in MLflow why the unoptimized baseline must ship; `decide` then judges again."""
    from leanstage.gate.approvals import justify as write
    from leanstage.runner.session import tracking_uri

    tracking_uri()
    written = write(
        model=model,
        version=version,
        decision_run_id=decision,
        grounds=grounds.value,
        reason=reason,
        expires=expires,
        experiment=experiment,
        attachments=evidence or [],
    )
    console.print(
        f"Justification {written.run_id} logged in the experiment {written.experiment}, valid "
        f"until {written.expires}.\nNow judge again:  leanstage decide {decision}",
        highlight=False,
    )


@app.command()
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
    made = preview_plan(_absolute(model), train_rows=train_rows, tolerance=tolerance)
    if json_file is not None:
        made.save(json_file)
    _print_plan(made)


@app.command("compile")
def compile_packages(
    out: Annotated[Path, typer.Option(help="Folder for the packages.", file_okay=False)],
) -> None:
    """Write every pipeline and component as IR YAML for a cluster."""
    from leanstage.runner.packages import write_packages

    for path in write_packages(out):
        console.print(str(path), highlight=False, soft_wrap=True)


@app.command()
def schema(
    out: Annotated[Path, typer.Option(help="Folder for the schemas.", file_okay=False)],
) -> None:
    """Write the JSON Schema of every document that leanstage reads or writes."""
    for document in DOCUMENTS:
        path = out / f"{document.__name__}.schema.json"
        body = json.dumps(document.model_json_schema(mode="serialization"), indent=2) + "\n"
        write_atomically(path, body.encode())
        console.print(str(path), highlight=False, soft_wrap=True)


def _print_plan(made: Plan) -> None:
    for answer in made.path:
        console.print(f"[bold]{answer.question}[/]\n  {answer.answer}", highlight=False)
        console.print(f"  [dim]{answer.reason} ({answer.source})[/]\n", highlight=False)


def _absolute(uri: str) -> str:
    """A local path made absolute: tasks run elsewhere than the shell."""
    from leanstage.tasks.reading import local_path

    path = local_path(uri) if uri else None
    return uri if path is None else str(path.absolute())


def _finish(outcome: Outcome) -> None:
    if outcome.verdict == "BLOCKED":
        raise typer.Exit(BlockedError.exit_code)


def main() -> None:
    """Run the command; an error of ours is one sentence and its exit code, never a traceback."""
    warnings.filterwarnings("ignore")
    try:
        app()
    except LeanstageError as error:
        if os.environ.get(DEBUG_VARIABLE):
            raise
        Console(stderr=True).print(f"[bold red]Error[/]: {error}", highlight=False, soft_wrap=True)
        sys.exit(error.exit_code)
    except OSError as error:
        if os.environ.get(DEBUG_VARIABLE):
            raise
        where = error.filename or "a file"
        Console(stderr=True).print(
            f"[bold red]Error[/]: {where}: {error.strerror}.", soft_wrap=True
        )
        sys.exit(LeanstageError.exit_code)
    except KeyboardInterrupt:
        Console(stderr=True).print("Interrupted; every process of the run was stopped.")
        sys.exit(130)
