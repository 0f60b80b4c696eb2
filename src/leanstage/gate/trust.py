"""Is the evaluation trustworthy? Its figures are computed again from its own counts."""

from collections.abc import Sequence

from leanstage.contracts import Evaluation, ModelPolicy, Reason
from leanstage.gate.evidence import Candidate
from leanstage.gate.words import NAME, objection, points
from leanstage.variant.statistics import tango_interval

IMPLAUSIBLE_GAIN = 0.05
"""A compressed model that beats its baseline by more than this has seen the evaluation rows."""

_SAME = 1e-9
_SAME_INTERVAL = 1e-6
_STEADY_BASELINE = 0.001
"""Share of the rows by which the baseline's right answers may differ between two evaluations."""

_AGAIN = "Evaluate again with unchanged data and models, then decide again."


def evaluation_problems(candidate: Candidate, policy: ModelPolicy) -> list[Reason]:
    """Objections to the evaluation of a candidate, which is None where it was reported before."""
    evaluation = candidate.evaluation
    if evaluation is None:
        return []
    reason = objection(candidate.role)
    name = NAME[candidate.role]
    reasons = [
        reason(
            "evidence.anomalous", f"The evaluation of {name} contradicts itself: {text}.", _AGAIN
        )
        for text in _contradictions(evaluation)
    ]
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
        if mine is None or other is None:
            continue
        if (mine.dataset_sha256, mine.n) != (other.dataset_sha256, other.n):
            text = f"{name} and {NAME[peer.role]} were evaluated on different rows."
            reasons.append(reason("evidence.anomalous", text, _AGAIN))
        elif abs(mine.baseline - other.baseline) > _STEADY_BASELINE:
            text = (
                f"The baseline reached {mine.baseline:.2%} beside {name} and {other.baseline:.2%} "
                f"beside {NAME[peer.role]}, on the same rows."
            )
            reasons.append(reason("evidence.anomalous", text, _AGAIN))
    return reasons


def _contradictions(evaluation: Evaluation) -> list[str]:
    """What does not add up, each as a clause."""
    counts, n = evaluation.counts, evaluation.n
    if counts.n != n:
        return [f"its counts are of {counts.n:,} rows, not {n:,}"]
    baseline_right = counts.both_right + counts.baseline_only
    candidate_right = counts.both_right + counts.candidate_only
    found = []
    for what, stated, computed in (
        ("the accuracy of the baseline", evaluation.baseline, baseline_right / n),
        ("the accuracy of the candidate", evaluation.candidate, candidate_right / n),
        ("the difference", evaluation.difference, -counts.drop),
    ):
        if abs(stated - computed) > _SAME:
            found.append(f"{what} is stated as {stated:.6g}, its counts give {computed:.6g}")
    interval = tango_interval(counts, 0.95)
    ends = zip(evaluation.ci95, interval, strict=True)
    if any(abs(stated - computed) > _SAME_INTERVAL for stated, computed in ends):
        low, high = evaluation.ci95
        found.append(
            f"the 95% interval is stated as {low:.6g} to {high:.6g}, its counts give "
            f"{interval[0]:.6g} to {interval[1]:.6g}"
        )
    least, most = counts.both_right / n, (counts.both_right + counts.both_wrong) / n
    if not least - _SAME <= evaluation.agreement <= most + _SAME:
        found.append(
            f"the agreement is stated as {evaluation.agreement:.6g}, its counts allow {least:.6g} "
            f"to {most:.6g}"
        )
    if evaluation.classes:
        found += _class_contradictions(evaluation, baseline_right, candidate_right)
    if evaluation.confusion:
        found += _confusion_contradictions(evaluation, candidate_right)
    return found


def _class_contradictions(
    evaluation: Evaluation, baseline_right: int, candidate_right: int
) -> list[str]:
    rows = sum(figures.n for figures in evaluation.classes)
    if rows != evaluation.n:
        return [f"its classes hold {rows:,} rows, not {evaluation.n:,}"]
    right = [0.0, 0.0]
    for figures in evaluation.classes:
        recalls = (figures.baseline_recall, figures.candidate_recall)
        for position, recall in enumerate(recalls):
            if (recall is None) != (figures.n == 0):
                return [f"the recall of class {figures.label} does not fit its {figures.n:,} rows"]
            right[position] += figures.n * (recall or 0.0)
    expected = (baseline_right, candidate_right)
    differ = any(
        abs(found - stated) > _SAME_INTERVAL * evaluation.n
        for found, stated in zip(right, expected, strict=True)
    )
    return ["the recalls of its classes do not give its accuracies"] if differ else []


def _confusion_contradictions(evaluation: Evaluation, candidate_right: int) -> list[str]:
    rows = evaluation.confusion
    if any(len(row) != len(rows) for row in rows) or min(min(row) for row in rows) < 0:
        return ["its confusion matrix is no square of counts"]
    sums = [sum(row) for row in rows]
    per_class = [figures.n for figures in evaluation.classes]
    diagonal = sum(row[position] for position, row in enumerate(rows))
    fits = sum(sums) == evaluation.n and diagonal == candidate_right
    return [] if fits and per_class in ([], sums) else ["its confusion matrix is of other answers"]
