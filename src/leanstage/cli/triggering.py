"""Commands around the trigger: run it, and set MLflow's side up."""

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from leanstage.cli._shared import say
from leanstage.errors import InputError, LeanstageError

app = typer.Typer(help="The webhook that wakes the trigger.", no_args_is_help=True)


class Backend(StrEnum):
    """Where runs happen."""

    kfp = "kfp"
    local = "local"


def trigger(
    backend: Annotated[
        Backend | None, typer.Option(help="Kubeflow Pipelines, or processes of this machine.")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    no_webhook: Annotated[
        bool, typer.Option("--no-webhook", help="Take no webhooks; look every few minutes only.")
    ] = False,
) -> None:
    """Run the service that starts a run for every model version that asks for one.

    Its settings are environment variables that begin with LEANSTAGE_TRIGGER_; see docs/trigger.md.
    """
    from leanstage.runner.session import tracking_uri
    from leanstage.trigger.serve import serve
    from leanstage.trigger.settings import load_settings

    tracking_uri()
    given = {"backend": backend.value if backend else None, "host": host, "port": port}
    serve(load_settings(**given), webhooks=not no_webhook)


@app.command()
def register(
    url: Annotated[str, typer.Option(help="Where MLflow reaches the trigger: …/webhooks/mlflow.")],
    secret_env: Annotated[
        str, typer.Option(help="Variable that holds the secret.")
    ] = "LEANSTAGE_WEBHOOK_SECRET",
    secret_file: Annotated[
        Path | None, typer.Option(help="File that holds the secret, instead.")
    ] = None,
) -> None:
    """Register the webhook at the MLflow server, or bring it up to date, and test it."""
    from leanstage.runner.session import tracking_uri
    from leanstage.trigger.registration import register as write
    from leanstage.trigger.settings import MIN_SECRET

    tracking_uri()
    where = str(secret_file or secret_env)
    given = secret_file.read_text("utf-8") if secret_file else os.environ.get(secret_env, "")
    secret = given.strip()
    if len(secret) < MIN_SECRET:
        raise InputError(f"{where} holds no secret of at least {MIN_SECRET} characters; set one.")
    done = write(url, secret)
    say(f"Webhook {done.webhook_id} {'registered' if done.made else 'brought up to date'}: {url}")
    if done.problem is not None:
        raise LeanstageError(f"the test delivery failed: {done.problem}")
    say("The test delivery was accepted.")
