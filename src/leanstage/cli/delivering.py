"""Commands that bring what was promoted to where it serves."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from leanstage.cli._shared import KeyOption, RevokedOption, say
from leanstage.cli.trust import show_verified
from leanstage.contracts import Target, first_problem
from leanstage.errors import InputError


def fetch(
    address: Annotated[
        str, typer.Argument(metavar="leanstage://NAME@DIGEST", help="A promoted variant.")
    ],
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Empty folder, or one that it broke off in.")
    ],
    key: KeyOption = None,
    revoked: RevokedOption = None,
) -> None:
    """Fetch a promoted variant and verify every byte of it before it lies in its place.

    KServe runs this at the start of every pod, by the ClusterStorageContainer of the manifests.
    """
    from leanstage.delivery.address import read_address
    from leanstage.delivery.fetch import fetch as bring
    from leanstage.gate import attestation
    from leanstage.runner.session import name_tracking_uri

    asked = read_address(address)
    name_tracking_uri()
    trust = attestation.trust_of(key or (), revoked)
    show_verified(bring(asked, folder, trust, datetime.now(UTC)))


def rollout(
    name: Annotated[str, typer.Argument(help="Registered model that holds the champion.")],
    to: Annotated[
        str,
        typer.Option(
            metavar="NAMESPACE/SERVICE", help="InferenceService; the one that the policy names."
        ),
    ] = "",
    minutes: Annotated[
        float | None, typer.Option(min=0.1, help="How long to wait for it; as the policy says.")
    ] = None,
    key: KeyOption = None,
    revoked: RevokedOption = None,
) -> None:
    """Let an InferenceService of KServe serve the champion, or put it back as it was."""
    from leanstage.delivery.champion import deliver
    from leanstage.gate import attestation
    from leanstage.registry.champions import champion
    from leanstage.runner.session import name_tracking_uri

    target = _target(to) if to else None
    name_tracking_uri()
    version = champion(name)
    if version is None:
        raise InputError(f"the model {name} has no champion; promote a variant first.")
    trust = attestation.trust_of(key or (), revoked)
    done = deliver(version, trust, datetime.now(UTC), target=target, minutes=minutes)
    if done is None:
        raise InputError(
            f"the policy under which {name} was promoted names no InferenceService; name it here "
            "(--to NAMESPACE/SERVICE), or in the policy as target."
        )
    say(
        f"InferenceService {done.namespace}/{done.service} serves version {version.version} of "
        f"{name}, {done.address}{'' if done.changed else ', as it did before'}: {done.why}."
    )


def _target(to: str) -> Target:
    namespace, _, service = to.partition("/")
    try:
        return Target(namespace=namespace, service=service)
    except ValidationError as error:
        raise InputError(
            f"--to {to} is not of the form NAMESPACE/SERVICE: {first_problem(error)}."
        ) from error
