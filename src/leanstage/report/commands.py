"""Commands that a report tells its reader to run."""

import shlex

from leanstage.contracts import Decision


def justify_command(decision: Decision) -> str | None:
    """The command that logs a justification; None where the gate does not ask for one."""
    if not any(reason.code.startswith("justification.") for reason in decision.reasons):
        return None
    codes = {reason.code for reason in decision.reasons}
    grounds = "accuracy"
    if codes & {"energy.no_saving"} and not any(code.startswith("accuracy.") for code in codes):
        grounds = "no_saving"
    source = decision.source
    return shlex.join(
        [
            "leanstage",
            "justify",
            "--model",
            source.name,
            "--version",
            source.version,
            "--decision",
            decision.run_id,
            "--grounds",
            grounds,
            "--reason",
            "WHY THE BASELINE MUST SHIP",
        ]
    )
