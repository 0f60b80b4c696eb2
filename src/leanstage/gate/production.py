"""Does the candidate answer production as the baseline does? Counted again in its answers."""

import math
from collections.abc import Iterator, Mapping, Sequence
from statistics import NormalDist
from typing import Any, NamedTuple

from leanstage.contracts import ModelPolicy, ProductionCheck, Reason
from leanstage.gate.evidence import Candidate
from leanstage.gate.limits import GUARD
from leanstage.gate.trust import STEADY
from leanstage.gate.words import NAME, objection, percent
from leanstage.tasks.production import SampleAnswers
from leanstage.variant.statistics_sample import wilson_interval

_SAME = 1e-6
_AGAIN = "Evaluate again with unchanged data and models, then decide again."
_BRING = "Give a sample (--production-sample, or production in the policy), then run again."


class Agreement(NamedTuple):
    """Rows of the sample, on how many both answer alike, and the one-sided bound of the share."""

    n: int
    same: int
    bound: float


def agreement_of(candidate: Candidate, confidence: float) -> Agreement | None:
    """What the answers to the sample give; None where there are none that can be counted.

    Args:
        confidence: one-sided, of the bound.
    """
    if not isinstance(candidate.sample, SampleAnswers):
        return None
    try:
        figures = candidate.sample.figures()
        n, same = figures["n"], figures["same"]
        return Agreement(n, same, wilson_interval(same, n, 2 * confidence - 1)[0])
    except ValueError:
        return None


def production_problems(
    candidate: Candidate, peers: Sequence[Candidate], policy: ModelPolicy, confidence: float
) -> list[Reason]:
    """Objections to the sample of production, its absence included where the policy asks for it."""
    reason = objection(candidate.role)
    name, evaluation = NAME[candidate.role], candidate.evaluation
    if evaluation is None:
        return []
    check, asked = evaluation.production, policy.min_agreement
    if check is None:
        if asked is None:
            return []
        text = (
            f"{name} was not checked against production; the policy asks that at least "
            f"{percent(asked)} of a sample be answered as the baseline does."
        )
        return [reason("evidence.missing", text, _BRING)]
    if candidate.sample is None:
        text = f"There is no file of answers that belongs to the production check of {name}."
        return [reason("evidence.missing", text, "Evaluate it again, then decide again.")]
    reasons = [
        reason("evidence.anomalous", f"The production check of {name} {text}.", _AGAIN)
        for text in _contradictions(candidate, check, peers)
    ]
    found = agreement_of(candidate, confidence)
    if asked is not None and found is not None and not found.bound >= asked - GUARD:
        reasons.append(reason("agreement.low", *_low(name, found, asked, confidence)))
    return reasons


def _low(name: str, found: Agreement, asked: float, confidence: float) -> tuple[str, str]:
    share = found.same / found.n
    if share < asked:
        return (
            f"{name} answers {percent(share)} of {found.n:,} rows of production as the baseline "
            f"does; the policy asks for {percent(asked)}.",
            "Compress less, or let it learn from more of what production asks.",
        )
    remedy = "Compress less: more rows would not help."
    if share > asked:
        # Half of a sample is learnt from, the other half is asked.
        remedy = f"Give a sample of at least {2 * _rows_needed(share, asked, confidence):,} rows."
    return (
        f"On {found.n:,} rows of production {name} may answer as few as {percent(found.bound)} as "
        f"the baseline does, at {percent(confidence)} confidence; the policy asks for "
        f"{percent(asked)}.",
        remedy,
    )


def _rows_needed(share: float, asked: float, confidence: float) -> int:
    """Rows at which the bound of this share reaches ``asked``: Wilson's, solved for them."""
    z = NormalDist().inv_cdf(confidence)
    return math.ceil(z * z * asked * (1.0 - asked) / (share - asked) ** 2)


def _contradictions(
    candidate: Candidate, check: ProductionCheck, peers: Sequence[Candidate]
) -> Iterator[str]:
    """What does not follow from the answers, each as a clause."""
    sample = candidate.sample
    if not isinstance(sample, SampleAnswers):
        yield "breaks its contract"
        return
    classes = len(candidate.manifest.labels) if candidate.manifest else 0
    for answers in (sample.baseline, sample.candidate):
        if len(answers) and (answers.min() < 0 or (classes and answers.max() >= classes)):
            yield "rests on answers that are no class of the model"
            return
    try:
        figures: Mapping[str, Any] = sample.figures()
    except ValueError as error:
        yield f"rests on answers that cannot be counted: {error}"
        return
    for field, computed in figures.items():
        if not _agree(getattr(check, field), computed):
            yield f"states another {field} than its answers give"
    for peer in peers:
        other = peer.evaluation.production if peer.evaluation else None
        if other is None:
            continue
        if other.dataset_sha256 != check.dataset_sha256:
            yield f"is of other rows than that of {NAME[peer.role]}"
        # Texts are kept as indices into what either evaluation saw, which may differ.
        elif classes and _changed(sample, peer.sample) > STEADY:
            yield f"holds other answers of the baseline than that of {NAME[peer.role]}"


def _changed(sample: SampleAnswers, other: Any) -> float:
    """Share of the rows on which the baseline answers differently; 0 where nothing can be said."""
    if not isinstance(other, SampleAnswers):
        return 0.0
    if sample.baseline.shape != other.baseline.shape:
        return 1.0
    return float((sample.baseline != other.baseline).mean())


def _agree(stated: Any, computed: Any) -> bool:
    if isinstance(computed, tuple):
        return (
            isinstance(stated, tuple)
            and len(stated) == len(computed)
            and all(_agree(one, other) for one, other in zip(stated, computed, strict=True))
        )
    if isinstance(computed, float) and isinstance(stated, float):
        return abs(stated - computed) <= _SAME
    if hasattr(computed, "model_fields_set") and type(stated) is type(computed):
        return all(
            _agree(getattr(stated, name), getattr(computed, name))
            for name in type(computed).model_fields
        )
    return bool(stated == computed)
