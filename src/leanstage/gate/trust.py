"""Is the evaluation trustworthy? It is plausible, of the right rows, and agrees with its peers."""

from collections.abc import Iterator, Sequence

from leanstage.contracts import Evaluation, ModelPolicy, Reason
from leanstage.gate.evidence import Candidate
from leanstage.gate.words import NAME, objection, points
from leanstage.tasks import LABEL, Predictions, Slicing

IMPLAUSIBLE_GAIN = 0.05
"""A compressed model that beats its baseline by more than this has seen the evaluation rows."""

_SAME = 1e-9
STEADY = 0.001
"""Share of the rows on which one model may answer differently in two evaluations.

Also by what share its perplexity may differ.
"""

_AGAIN = "Evaluate again with unchanged data and models, then decide again."


def evaluation_problems(candidate: Candidate, policy: ModelPolicy) -> list[Reason]:
    """Objections to the evaluation of a candidate, which is None where it was reported before."""
    evaluation = candidate.evaluation
    if evaluation is None:
        return []
    reason = objection(candidate.role)
    name = NAME[candidate.role]
    reasons = []
    if evaluation.difference > IMPLAUSIBLE_GAIN + _SAME:
        reasons.append(
            reason(
                "evidence.anomalous",
                f"{name} gains {points(evaluation.difference)} of accuracy over the baseline; more "
                f"than {points(IMPLAUSIBLE_GAIN)} is not plausible for a compressed model.",
                "Look for evaluation rows among the training rows, or for a broken baseline.",
            )
        )
    if policy.evaluation_sha256 not in (None, evaluation.dataset_sha256):
        reasons.append(
            reason(
                "policy.untrusted",
                f"{name} was evaluated on other rows than those that the policy names.",
                "Evaluate on the data that the policy names.",
            )
        )
    if evaluation.overlap_with_train > 0 and not policy.allow_overlap:
        reasons.append(
            reason(
                "policy.untrusted",
                f"{evaluation.overlap_with_train:,} of {evaluation.n:,} evaluation rows of {name} "
                "also stand in the training split; the policy does not allow this.",
                "Remove these rows from the training or the evaluation split, then run again.",
            )
        )
    return reasons


def peer_problems(candidate: Candidate, peers: Sequence[Candidate]) -> list[Reason]:
    """Objections from beside: candidates of one run share rows and baseline, but no bytes."""
    reason = objection(candidate.role)
    name = NAME[candidate.role]
    reasons = []
    for peer in peers:
        if candidate.digest is not None and candidate.digest == peer.digest:
            text = f"{name} and {NAME[peer.role]} are the same bytes."
            remedy = "Hand in every candidate once."
            reasons.append(reason("evidence.anomalous", text, remedy))
        mine, other = candidate.evaluation, peer.evaluation
        if mine is not None and other is not None and not _same_rows(candidate, peer):
            text = f"{name} and {NAME[peer.role]} were evaluated on different rows."
            reasons.append(reason("evidence.anomalous", text, _AGAIN))
            continue
        for model, share in _changed_answers(candidate.predictions, peer.predictions):
            text = (
                f"The {model} answers {share:.2%} of the rows differently beside {name} and beside "
                f"{NAME[peer.role]}."
            )
            reasons.append(reason("evidence.anomalous", text, _AGAIN))
        if mine is not None and other is not None and _other_perplexity(mine, other):
            text = (
                f"The baseline has another perplexity beside {name} than beside {NAME[peer.role]}."
            )
            reasons.append(reason("evidence.anomalous", text, _AGAIN))
    return reasons


def _other_perplexity(mine: Evaluation, other: Evaluation) -> bool:
    """Whether two evaluations state another perplexity of one baseline on the same rows."""
    first, second = mine.perplexity, other.perplexity
    if first is None or second is None:
        return False
    steady = abs(first.baseline - second.baseline) <= STEADY * first.baseline
    return not steady or first.tokens != second.tokens


def _same_rows(candidate: Candidate, peer: Candidate) -> bool:
    """Whether two evaluations are of the same rows in the same order, as far as can be told."""
    import numpy as np

    mine, other = candidate.evaluation, peer.evaluation
    if mine is not None and other is not None and mine.dataset_sha256 != other.dataset_sha256:
        return False
    first, second = candidate.predictions, peer.predictions
    if first is None or second is None:
        return True
    return (
        np.array_equal(first.given(LABEL), second.given(LABEL))
        and first.slices.keys() == second.slices.keys()
        and all(_same_slices(first.slices[name], second.slices[name]) for name in first.slices)
    )


def _same_slices(first: Slicing, second: Slicing) -> bool:
    """How values are coded may change on the way through a file."""
    import numpy as np

    index = {value: code for code, value in enumerate(first.values)}
    codes = np.array([index.get(value, -1) for value in second.values], dtype=np.int32)
    return np.array_equal(first.codes, codes[second.codes])


def _changed_answers(
    first: Predictions | None, second: Predictions | None
) -> Iterator[tuple[str, float]]:
    """Models that both evaluations asked and that did not answer alike, with the share of rows."""
    if first is None or second is None:
        return
    for model in ("baseline", "champion"):
        mine, other = first.given(model), second.given(model)
        if mine is not None and other is not None:
            share = float((mine != other).mean())
            if share > STEADY:
                yield model, share
