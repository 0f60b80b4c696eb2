"""Commands around a decision: make it, justify the exception, undo it."""

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from leanstage.cli._shared import BlocksOption, JsonOption, OutOption, console, finish, say


class Grounds(StrEnum):
    """On what grounds the baseline ships."""

    accuracy = "accuracy"
    no_saving = "no_saving"
    runtime = "runtime"


def decide(
    run_id: Annotated[str, typer.Argument(help="MLflow run of a proposal, or of an earlier run.")],
    energy_blocks: BlocksOption = 10,
    out: OutOption = None,
    json_file: JsonOption = None,
) -> None:
    """Decide on a proposal, evaluating and measuring it; or judge an earlier run again.

    A proposal of `leanstage optimize` is believed in nothing: its candidates are evaluated on the
    data of the policy and measured here. An earlier run is judged from its signed evidence, for
    example after a justification was logged.
    """
    from leanstage.runner.session import execute, is_proposal, run_folder

    proposed = is_proposal(run_id)
    folder = run_folder(out, "decide" if proposed else "rejudge")
    outcome = execute(
        "decide" if proposed else "rejudge",
        {"run_id": run_id, **({"energy_blocks": energy_blocks} if proposed else {})},
        folder=folder,
        console=console,
        json_file=json_file,
    )
    finish(outcome)


def justify(
    model: Annotated[str, typer.Option(help="Registered model.")],
    version: Annotated[str, typer.Option(help="Version that is to ship unoptimized.")],
    decision: Annotated[str, typer.Option(help="MLflow run of the blocked run.")],
    grounds: Annotated[Grounds, typer.Option(help="Why the baseline ships.")],
    reason: Annotated[str, typer.Option(help="The reason, in a sentence or more.")],
    evidence: Annotated[list[Path] | None, typer.Option(help="File to keep with it.")] = None,
    expires: Annotated[str | None, typer.Option(help="Last day, YYYY-MM-DD; 90 days on.")] = None,
    experiment: Annotated[
        str | None, typer.Option(help="Approver's MLflow experiment; yours by the policy.")
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
    say(
        f"Justification {written.run_id} logged in the experiment {written.experiment}, valid "
        f"until {written.expires}.\nNow judge again:  leanstage decide {decision}"
    )


def rollback(
    name: Annotated[str, typer.Argument(help="Registered model that holds the champion.")],
    to: Annotated[
        str | None, typer.Option(help="Version to return to; the one that served before.")
    ] = None,
) -> None:
    """Let an earlier champion serve again, once its signature is verified anew.

    Where the policy that it was promoted under names an InferenceService, it changes to it, too.
    """
    from leanstage.delivery.champion import deliver
    from leanstage.gate.attestation import trusted_keys
    from leanstage.gate.rollback import roll_back
    from leanstage.runner.session import tracking_uri

    tracking_uri()
    rolled = roll_back(name, to)
    say(
        f"The champion of {name} is version {rolled.new.version}: the bytes of version "
        f"{rolled.restored.version}, instead of version {rolled.replaced.version}."
    )
    done = deliver(rolled.new, trusted_keys(), datetime.now(UTC), replaced=rolled.replaced)
    if done is None:
        say(
            "No InferenceService was changed: no policy of theirs names one "
            f"(leanstage rollout {name} --to NAMESPACE/SERVICE)."
        )
    else:
        say(f"InferenceService {done.namespace}/{done.service} serves it: {done.why}.")
