"""Commands on policies: is this file one, what does it say, where do the gate's own live."""

from typing import Annotated

import typer

from leanstage.cli._shared import absolute, policy_uri, say

app = typer.Typer(
    help="Check and explain the policies that the gate decides under.",
    no_args_is_help=True,
)

PolicyArgument = Annotated[
    str, typer.Argument(help="ModelPolicy in YAML, or default, strict, lenient.")
]


@app.command()
def check(policy: PolicyArgument) -> None:
    """Validate a policy, and say what makes it weaker than it may look."""
    from leanstage.gate.policies import load_policy, warnings

    found = load_policy(policy_uri(policy))
    say(f"{policy} is a valid policy.\nname     {found.name}\nsha256   {found.sha256()}")
    for warning in warnings(found):
        say(f"     {warning}", "note", "yellow")


@app.command()
def explain(policy: PolicyArgument) -> None:
    """Say in plain sentences what the gate asks for under a policy."""
    from leanstage.gate.policies import load_policy, sentences

    found = load_policy(policy_uri(policy))
    say(f" ({found.sha256()[:12]})", f"Policy {found.name}")
    for sentence in sentences(found):
        say(f"  • {sentence}")


@app.command()
def publish(
    file: Annotated[str, typer.Argument(help="ModelPolicy in YAML.")],
    experiment: Annotated[
        str, typer.Option(help="MLflow experiment that only the gate may write to.")
    ],
) -> None:
    """Keep a policy in MLflow, where the gate reads it (LEANSTAGE_POLICY=mlflow:EXPERIMENT)."""
    from leanstage.gate.policies import IN_MLFLOW, POLICY_VARIABLE, load_policy, publish
    from leanstage.runner.session import tracking_uri

    tracking_uri()
    found = load_policy(absolute(file))
    run_id = publish(found, experiment)
    say(
        f"Policy {found.name} ({found.sha256()[:12]}) published in run {run_id}. Let the gate read "
        f"it there:  {POLICY_VARIABLE}={IN_MLFLOW}{experiment}"
    )
