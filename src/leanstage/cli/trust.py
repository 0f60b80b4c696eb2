"""Commands on signatures: make a key, verify what was promoted."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leanstage.cli._shared import KeyOption, RevokedOption, say

if TYPE_CHECKING:
    from leanstage.gate.attestation import Verified


def keygen(
    out: Annotated[Path, typer.Option(help="Folder for the key pair.", file_okay=False)],
) -> None:
    """Make the key with which the gate signs its decisions."""
    from leanstage.gate import attestation

    pair = attestation.generate(out)
    say(
        f"Key id           {pair.keyid}\n"
        f"Private key      {pair.private}  (the gate's alone: LEANSTAGE_KEY)\n"
        f"Public key       {pair.public}  (for whoever verifies)"
    )


def verify(
    folder: Annotated[Path, typer.Argument(help="Folder of a promoted variant.")],
    key: KeyOption = None,
    revoked: RevokedOption = None,
) -> None:
    """Say what was decided on a variant, and fail unless every byte is what was signed."""
    from leanstage.gate import attestation
    from leanstage.runner.session import name_tracking_uri

    if not folder.is_dir():
        raise typer.BadParameter(f"{folder} is not a folder")
    name_tracking_uri()
    trust = attestation.trust_of(key or (), revoked)
    show_verified(attestation.verify(folder, trust, datetime.now(UTC)))


def show_verified(verified: "Verified") -> None:
    """Say what was decided, by whom and on what."""
    decision, policy = verified.decision, verified.policy
    source = decision.source
    say(f": {decision.sentence}\n", "Verified", "bold green")
    say(f"Verdict          {decision.verdict} of {source.name} version {source.version}")
    say(f"Digest           {verified.digest}")
    say(f"Decided          {decision.decided}, signed {verified.signed}")
    say(f"Policy           {policy.name} ({decision.policy_sha256})")
    if verified.justification is not None:
        use = verified.justification
        grounds = use.grounds.replace("_", " ")
        say(f"Justification    {use.author} ({grounds}), until {use.expires}: {use.reason}")
    say(f"Guarantee        {decision.guarantee}")
    say(f"Key id           {verified.keyid}")
    say(f"MLflow run       {decision.run_id}")
