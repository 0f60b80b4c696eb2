"""The command that logs a justification: asked for by the gate, on grounds that can stand."""

from collections.abc import Callable

import pytest

from leanstage.contracts import Decision, Reason, ReasonCode, Verdict
from leanstage.report import ReportInputs
from leanstage.report.commands import justify_command

MakeInputs = Callable[[Verdict], ReportInputs]


def blocked(inputs: ReportInputs, *codes: ReasonCode) -> Decision:
    reasons = tuple(
        Reason(code=code, candidate="optimized", sentence="Why.", next="What.") for code in codes
    )
    decision: Decision = inputs.decision.model_copy(update={"reasons": reasons})
    return decision


@pytest.mark.parametrize(
    ("codes", "grounds"),
    [
        (("energy.no_saving",), "no_saving"),
        (("energy.no_saving", "accuracy.drop"), "accuracy"),
        (("energy.no_saving", "slice.harm"), "accuracy"),
        (("energy.no_saving", "champion.worse"), "accuracy"),
        (("energy.no_saving", "agreement.low"), "accuracy"),
    ],
)
def test_grounds(make_inputs: MakeInputs, codes: tuple[ReasonCode, ...], grounds: str) -> None:
    decision = blocked(make_inputs("BLOCKED"), *codes, "justification.missing")
    command = justify_command(decision)
    assert command is not None
    assert f"--grounds {grounds} " in command


def test_nothing_to_justify(make_inputs: MakeInputs) -> None:
    assert justify_command(blocked(make_inputs("BLOCKED"), "slice.harm")) is None
