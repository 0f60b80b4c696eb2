"""Is the candidate no worse than what serves now? So that small losses do not add up."""

from leanstage.contracts import Champion, ModelPolicy, Reason
from leanstage.gate.accuracy import Loss, more_rows
from leanstage.gate.evidence import Candidate
from leanstage.gate.limits import GUARD
from leanstage.gate.words import NAME, objection, percent, points, short


def champion_problems(
    candidate: Candidate,
    champion: Champion | None,
    loss: Loss | None,
    policy: ModelPolicy,
    confidence: float,
) -> list[Reason]:
    """Objections to a candidate beside the champion of the registry.

    A candidate that is the champion, byte for byte, is held against nothing.

    Args:
        candidate: its documents validated again.
        champion: as the registry holds it at the time of the decision; None where nothing serves.
        loss: of accuracy against that champion, None where the evaluation does not tell.
        confidence: one-sided, of the bound of the loss.
    """
    evaluation = candidate.evaluation
    if not policy.vs_champion or champion is None or champion.digest == candidate.digest:
        return []
    if evaluation is None:
        return []
    reason = objection(candidate.role)
    name, version = NAME[candidate.role], champion.version.version
    stated = evaluation.champion
    if stated is None:
        text = f"{name} was not evaluated beside the champion, version {version}."
        remedy = "Evaluate it again with the champion, then decide again."
        return [reason("evidence.missing", text, remedy)]
    if stated.digest != champion.digest:
        text = (
            f"{name} was evaluated beside the champion {short(stated.digest)}, but version "
            f"{version}, {short(champion.digest)}, serves now."
        )
        remedy = "Another model was promoted since: evaluate it again with the champion."
        return [reason("digest.mismatch", text, remedy)]
    if loss is None or loss.bound <= policy.margin + GUARD:
        return []
    verb = "loses" if loss.drop >= 0 else "gains"
    text = (
        f"{name} {verb} {points(abs(loss.drop))} of accuracy against the champion, version "
        f"{version}, on {loss.n:,} rows and may lose up to {points(loss.bound)} at "
        f"{percent(confidence)} confidence; the policy accepts {points(policy.margin)}."
    )
    return [reason("champion.worse", text, more_rows(loss))]
