"""Commands that run the line: the demo, the whole of it, or its first half."""

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

ModelOption = Annotated[
    str, typer.Option(help="Folder, models:/name/1, hf://org/name@commit, s3://")
]
TrainOption = Annotated[
    str, typer.Option(help="Training rows, JSON Lines or parquet; empty: the policy's.")
]
EvaluationOption = Annotated[
    str, typer.Option("--eval", help="Rows that the gate judges on; empty: the policy's.")
]
ValidationOption = Annotated[str, typer.Option(help="Rows on which settings are chosen.")]
UnlabelledOption = Annotated[str, typer.Option(help="Further text to distill on.")]
ProductionOption = Annotated[
    str,
    typer.Option("--production-sample", help="What production asks: text to learn and check on."),
]
StudentOption = Annotated[
    str, typer.Option(help="Pretrained checkpoint to distill into: folder or URI like the model's.")
]
NameOption = Annotated[str, typer.Option(help="Registered model; empty keeps the model's name.")]
HardwareOption = Annotated[
    str, typer.Option(help="Profile of what serves, by name or file; auto: the policy's, or here.")
]
DeployOption = Annotated[Deploy, typer.Option(help="What to ship.")]
SeedOption = Annotated[int, typer.Option(help="Seed of the training.")]


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


def run(
    model: ModelOption,
    train: TrainOption = "",
    evaluation: EvaluationOption = "",
    validation: ValidationOption = "",
    unlabelled: UnlabelledOption = "",
    production: ProductionOption = "",
    student: StudentOption = "",
    policy: PolicyOption = "",
    name: NameOption = "",
    hardware: HardwareOption = AUTO,
    deploy: DeployOption = Deploy.optimized,
    seed: SeedOption = 0,
    energy_blocks: BlocksOption = 10,
    out: OutOption = None,
    json_file: JsonOption = None,
) -> None:
    """Run the whole line on a model of yours: optimize, evaluate, measure, gate, promote."""
    from leanstage.runner.session import execute, run_folder

    request = _request(
        model=model,
        train=train,
        evaluation=evaluation,
        validation=validation,
        unlabelled=unlabelled,
        production=production,
        student=student,
        policy=policy,
        name=name,
        hardware=hardware,
        deploy=deploy,
        seed=seed,
    )
    outcome = execute(
        "deploy",
        {**request, "energy_blocks": energy_blocks},
        folder=run_folder(out, "run"),
        console=console,
        json_file=json_file,
    )
    finish(outcome)


def optimize(
    model: ModelOption,
    train: TrainOption = "",
    evaluation: EvaluationOption = "",
    validation: ValidationOption = "",
    unlabelled: UnlabelledOption = "",
    production: ProductionOption = "",
    student: StudentOption = "",
    policy: PolicyOption = "",
    name: NameOption = "",
    hardware: HardwareOption = AUTO,
    deploy: DeployOption = Deploy.optimized,
    seed: SeedOption = 0,
    out: OutOption = None,
) -> None:
    """Run the first half of the line: leave the candidates in MLflow for a gate to decide on."""
    from leanstage.runner.session import propose, run_folder

    request = _request(
        model=model,
        train=train,
        evaluation=evaluation,
        validation=validation,
        unlabelled=unlabelled,
        production=production,
        student=student,
        policy=policy,
        name=name,
        hardware=hardware,
        deploy=deploy,
        seed=seed,
    )
    propose(request, folder=run_folder(out, "optimize"), console=console)


def _request(
    *,
    model: str,
    train: str,
    evaluation: str,
    validation: str,
    unlabelled: str,
    production: str,
    student: str,
    policy: str,
    name: str,
    hardware: str,
    deploy: Deploy,
    seed: int,
) -> dict[str, Any]:
    """Parameters of the pipelines ``deploy`` and ``optimize``."""
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
