"""The command that starts a run on a cluster."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from leanstage.cli._shared import console, say
from leanstage.errors import BlockedError


class Pipeline(StrEnum):
    """A pipeline of ours."""

    deploy = "deploy"
    optimize = "optimize"
    decide = "decide"
    rejudge = "rejudge"
    calibrate = "calibrate"
    audit = "audit"


def submit(
    host: Annotated[str, typer.Option(help="Kubeflow Pipelines; LEANSTAGE_KFP_HOST.")] = "",
    pipeline: Annotated[Pipeline, typer.Option(help="What to run.")] = Pipeline.deploy,
    param: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Parameter; repeatable.")
    ] = None,
    experiment: Annotated[str, typer.Option(help="KFP experiment, made if new.")] = "leanstage",
    namespace: Annotated[
        str, typer.Option(help="Namespace, where KFP has several; LEANSTAGE_KFP_NAMESPACE.")
    ] = "",
    name: Annotated[str, typer.Option(help="Name of the run; empty makes one.")] = "",
    registry: Annotated[str, typer.Option(help="Registry of the images.")] = "",
    tag: Annotated[str, typer.Option(help="Tag of the images.")] = "",
    platform: Annotated[
        Path | None, typer.Option(help="Settings of the cluster; LEANSTAGE_PLATFORM.")
    ] = None,
    service_account: Annotated[str, typer.Option(help="Service account of the run.")] = "",
    token_file: Annotated[
        Path | None, typer.Option(help="Bearer token; LEANSTAGE_KFP_TOKEN(_FILE).")
    ] = None,
    ca_file: Annotated[
        Path | None, typer.Option(help="Authorities; LEANSTAGE_KFP_CA_FILE.")
    ] = None,
    wait: Annotated[bool, typer.Option(help="Show its tasks and end with its verdict.")] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the submission as one JSON document.")
    ] = None,
) -> None:
    """Start a run on Kubeflow Pipelines; with --wait the exit code is that of its verdict.

    In a pod the projected service account token is used; elsewhere hand a bearer token in
    LEANSTAGE_KFP_TOKEN or a file.
    """
    import tempfile

    from leanstage.gate.policies import PRESETS
    from leanstage.pipelines import Platform
    from leanstage.runner.kfp_client import Connection, Kubeflow
    from leanstage.runner.packages import compiled
    from leanstage.runner.parameters import checked
    from leanstage.runner.submit import run_name, start

    connection = Connection.of(host, namespace=namespace, token_file=token_file, ca_file=ca_file)
    with tempfile.TemporaryDirectory(prefix="leanstage-submit-") as scratch:
        package = Path(scratch) / "package.yaml"
        settings = Platform.load(platform) if platform is not None else Platform.here()
        spec = compiled(pipeline.value, package, registry=registry, tag=tag, platform=settings)
        parameters = checked(spec, param or (), presets=tuple(PRESETS))
        kubeflow = Kubeflow(connection)
        submission = start(
            kubeflow,
            pipeline.value,
            package,
            spec,
            parameters,
            name=name or run_name(pipeline.value),
            experiment=experiment,
            service_account=service_account or None,
        )
    say(f"Run              {submission.name}\nLink             {submission.link}")
    if json_file is not None:
        submission.save(json_file)
    if wait:
        _wait(kubeflow, submission, spec, parameters, json_file)


def _wait(
    kubeflow: Any, submission: Any, spec: Any, parameters: Any, json_file: Path | None
) -> None:
    from leanstage.runner.board import TaskBoard
    from leanstage.runner.submit import BLOCKED, ended, failure, follow, tasks_of

    try:
        with TaskBoard(console) as board:
            run = follow(kubeflow, submission, spec, board)
    except KeyboardInterrupt:
        say(f"No longer waiting; the run goes on: {submission.link}")
        raise typer.Exit(130) from None
    submission = ended(submission, run, spec, parameters)
    if json_file is not None:
        submission.save(json_file)
    if submission.mlflow_run:
        say(f"MLflow run       {submission.mlflow_run}")
    if submission.verdict == BLOCKED:
        codes = ", ".join(submission.reasons)
        link = submission.link
        say(f": {codes}. The report is in the run: {link}", "BLOCKED", "bold yellow")
        raise typer.Exit(BlockedError.exit_code)
    if submission.state != "SUCCEEDED":
        raise failure(submission, tasks_of(run, spec))
    say(f": {_success(submission)}", submission.verdict or "SUCCEEDED", "bold green")


def _success(submission: Any) -> str:
    if submission.pipeline == Pipeline.optimize:
        decide = f": leanstage decide {submission.mlflow_run}" if submission.mlflow_run else ""
        return f"the candidates are proposed{decide}"
    if submission.pipeline == Pipeline.calibrate:
        return "the hardware profile is in MLflow, in the experiment leanstage-hardware."
    if submission.pipeline == Pipeline.audit:
        return "the audit is in MLflow, in the experiment leanstage-audit."
    if submission.promoted:
        return f"{submission.promoted} serves now."
    return "every task of the run ended well, promote among them; MLflow was not asked for more."
