"""The command that shows a model card."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from leanstage.cli._shared import KeyOption, RevokedOption, console


def card(
    place: Annotated[
        str,
        typer.Argument(help="Folder of a promoted variant, models:/name/3 or models:/name@alias."),
    ],
    key: KeyOption = None,
    revoked: RevokedOption = None,
    hub: Annotated[
        bool, typer.Option("--hub", help="Send it to the Hugging Face hub to be checked, too.")
    ] = False,
) -> None:
    """Show the model card of what was promoted, and fail unless it is what was signed.

    On a terminal it is set as text; elsewhere it is the Markdown as it lies there. The weights are
    not read: leanstage verify does that.
    """
    from leanstage.card import check_card, signed_card
    from leanstage.gate import attestation
    from leanstage.runner.session import name_tracking_uri

    name_tracking_uri()
    trust = attestation.trust_of(key or (), revoked)
    text = signed_card(place, trust, datetime.now(UTC))
    checked = check_card(text, hub=hub)
    if console.is_terminal:
        from rich.markdown import Markdown

        console.print(Markdown(checked.text))
    else:
        typer.echo(text, nl=False)
