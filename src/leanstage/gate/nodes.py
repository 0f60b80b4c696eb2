"""Was the energy measured on what serves the model?"""

from leanstage.contracts import HardwareProfile, Reason
from leanstage.gate.evidence import Candidate, recheck
from leanstage.gate.words import NAME, objection


def node_problems(candidate: Candidate, hardware: HardwareProfile | None) -> list[Reason]:
    """Objections to where a candidate was measured; energy that is None was reported before.

    Args:
        hardware: what serves the model, as handed in.
    """
    reason = objection(candidate.role)
    name = NAME[candidate.role]
    if hardware is None:
        text = f"Which hardware serves {name} is not known."
        return [reason("evidence.missing", text, "Run again from the beginning.")]
    serves = recheck(HardwareProfile, hardware)
    if serves is None:
        text = f"The profile of the hardware that serves {name} breaks its contract."
        return [reason("evidence.anomalous", text, "Run again from the beginning.")]
    if candidate.energy is None:
        return []
    measured = candidate.energy.node
    if measured.same_node(serves):
        return []
    called = f" ({serves.name})" if serves.name else ""
    where = "another kind of machine than serves it"
    if not measured.known:
        where = "a machine that is not known to be of the kind that serves it"
    return [
        reason(
            "evidence.anomalous",
            f"The energy of {name} was measured on {where}: on {measured.kind()}; the model is "
            f"planned for {serves.kind()}{called}.",
            "Measure on the nodes that serve, or calibrate those that measured and name their "
            "profile.",
        )
    ]
