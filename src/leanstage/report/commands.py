"""Commands that a report tells its reader to run."""

import shlex

from leanstage.contracts import Decision, ReasonCode

_OF_ACCURACY: frozenset[ReasonCode] = frozenset({"slice.harm", "champion.worse", "agreement.low"})


def justify_command(decision: Decision) -> str | None:
    """The command that logs a justification; None where the gate does not ask for one."""
    if not any(reason.code.startswith("justification.") for reason in decision.reasons):
        return None
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
            _grounds(decision),
            "--reason",
            "WHY THE BASELINE MUST SHIP",
        ]
    )


def _grounds(decision: Decision) -> str:
    """The grounds that the evidence can support; a missed latency or size says what must run."""
    codes = {reason.code for reason in decision.reasons}
    lost = codes & _OF_ACCURACY or any(code.startswith("accuracy.") for code in codes)
    if lost or decision.deploy == "baseline":
        return "accuracy"
    return "no_saving" if "energy.no_saving" in codes else "runtime"
