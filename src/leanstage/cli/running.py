"""Commands that run the line: the demo, the whole of it, or its first half."""

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from leanstage.calibrate import AUTO
from leanstage.cli._shared import (
    BlocksOption,
    Deploy,
    JsonOption,
    OutOption,
    PolicyOption,
    absolute,
    console,
    finish,
    hardware_uri,
    policy_uri,
)

Request = dict[str, Any]
"""Parameters of the pipelines ``deploy`` and ``optimize``, by name."""
DeployOption = Annotated[Deploy, typer.Option(help="What to ship.")]


def _request(
    model: Annotated[str, typer.Option(help="Folder, models:/name/1, hf://org/name@commit, s3://")],
    train: Annotated[
        str, typer.Option(help="Training rows, JSON Lines or parquet; empty: the policy's.")
    ] = "",
    evaluation: Annotated[
        str, typer.Option("--eval", help="Rows that the gate judges on; empty: the policy's.")
    ] = "",
    validation: Annotated[str, typer.Option(help="Rows on which settings are chosen.")] = "",
    unlabelled: Annotated[str, typer.Option(help="Further text to distill on.")] = "",
    production: Annotated[
        str,
        typer.Option(
            "--production-sample", help="What production asks: text to learn and check on."
        ),
    ] = "",
    student: Annotated[
        str,
        typer.Option(help="Pretrained checkpoint to distill into: folder or URI like the model's."),
    ] = "",
    policy: PolicyOption = "",
    name: Annotated[str, typer.Option(help="Registered model; empty keeps the model's name.")] = "",
    hardware: Annotated[
        str,
        typer.Option(help="Profile of what serves, by name or file; auto: the policy's, or here."),
    ] = AUTO,
    deploy: DeployOption = Deploy.optimized,
    seed: Annotated[int, typer.Option(help="Seed of the training.")] = 0,
) -> Request:
    """What a run is asked for, by the options of every command that starts one."""
    return {
        "model": absolute(model),
        "train_data": absolute(train),
        "evaluation_data": absolute(evaluation),
        "validation_data": absolute(validation),
        "unlabelled_data": absolute(unlabelled),
        "production_data": absolute(production),
        "student": absolute(student),
        "policy": policy_uri(policy),
        "name": name,
        "hardware": hardware_uri(hardware),
        "deploy": deploy.value,
        "seed": seed,
    }


def _asking(command: Callable[..., None]) -> Callable[..., None]:
    """``command(request, ...)`` with the options of :func:`_request` in the place of its first."""
    asked = inspect.signature(_request).parameters
    _, *own = inspect.signature(command).parameters.values()

    @functools.wraps(command)
    def asking(**given: Any) -> None:
        request = _request(**{name: given.pop(name) for name in asked})
        command(request, **given)

    asking.__signature__ = inspect.Signature([*asked.values(), *own])  # type: ignore[attr-defined]
    return asking


def demo(
    policy: PolicyOption = "",
    deploy: DeployOption = Deploy.optimized,
    out: OutOption = None,
    json_file: JsonOption = None,
) -> None:
    """Optimize a real model on this machine, from weights and reviews that ship in packages."""
    from leanstage.demo.run import arguments
    from leanstage.runner.session import execute, run_folder
    from leanstage.variant.hardware import hardware_profile

    folder = run_folder(out, "demo")
    request = arguments(console, policy=policy_uri(policy), deploy=deploy.value)
    # Said and not 'auto': the demo serves nowhere else, also where it runs in a pod.
    request["hardware"] = str(hardware_profile().save(folder / "hardware.json").resolve())
    outcome = execute("deploy", request, folder=folder, console=console, json_file=json_file)
    finish(outcome)


@_asking
def run(
    request: Request,
    energy_blocks: BlocksOption = 10,
    out: OutOption = None,
    json_file: JsonOption = None,
) -> None:
    """Run the whole line on a model of yours: optimize, evaluate, measure, gate, promote."""
    from leanstage.runner.session import execute, run_folder

    outcome = execute(
        "deploy",
        {**request, "energy_blocks": energy_blocks},
        folder=run_folder(out, "run"),
        console=console,
        json_file=json_file,
    )
    finish(outcome)


@_asking
def optimize(request: Request, out: OutOption = None) -> None:
    """Run the first half of the line: leave the candidates in MLflow for a gate to decide on."""
    from leanstage.runner.session import propose, run_folder

    propose(request, folder=run_folder(out, "optimize"), console=console)
