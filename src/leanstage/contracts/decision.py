"""Decision: what the gate ruled on which evidence, and the justification that may overrule."""

from datetime import UTC, date, datetime, time
from typing import Literal

from pydantic import Field

from leanstage.contracts.base import Contract, Part, Sha256
from leanstage.contracts.policy import Tier

Verdict = Literal["PROMOTE_OPTIMIZED", "PROMOTE_BASELINE", "BLOCKED"]
Role = Literal["optimized", "fallback", "baseline"]
Deploy = Literal["optimized", "baseline"]
Grounds = Literal["accuracy", "no_saving", "runtime"]
ReasonCode = Literal[
    "accuracy.drop",
    "accuracy.uncertain",
    "accuracy.too_few",
    "slice.harm",
    "energy.no_saving",
    "energy.inconclusive",
    "latency.slo",
    "size.limit",
    "serving.runtime",
    "champion.worse",
    "agreement.low",
    "evidence.missing",
    "evidence.anomalous",
    "digest.mismatch",
    "policy.untrusted",
    "justification.missing",
    "justification.expired",
    "justification.unauthorised",
    "justification.mismatch",
    "justification.tampered",
]


class ModelVersion(Part):
    """A registered model version. Name and number alone can be reused; with the time, never."""

    name: str
    version: str
    created_ms: int = Field(ge=0)


class Reason(Part):
    """Why a candidate may not be promoted, and what to do next."""

    code: ReasonCode
    candidate: Role
    sentence: str
    next: str


class Champion(Part):
    """The version that serves at present, and its content digest."""

    version: ModelVersion
    digest: Sha256


SliceState = Literal["kept", "harmed", "underpowered"]


class SliceJudgement(Part):
    """One slice of the evaluation rows under the policy.

    ``harmed``: a loss above the limit is shown, adjusted for the number of slices (Holm).
    ``kept``: a loss within the limit is shown. ``underpowered``: too few rows for either.
    """

    column: str
    value: str
    n: int = Field(ge=0)
    drop: float
    drop_bound: float
    """One-sided upper bound of the drop, its error level divided over all slices."""
    p_adjusted: float
    state: SliceState


class Judgement(Part):
    """The gate's look at one candidate."""

    candidate: Role
    digest: Sha256 | None
    passed: bool
    reasons: tuple[Reason, ...] = ()
    drop: float | None = None
    """Of the metric of the policy, baseline minus candidate."""
    drop_bound: float | None = None
    """One-sided upper bound of the drop at the confidence of the policy, split over candidates."""
    mcnemar_p: float | None = None
    """Two-sided p-value of the exact McNemar test: do the two models differ in accuracy at all."""
    champion_drop: float | None = None
    """Accuracy of the champion minus that of the candidate."""
    champion_drop_bound: float | None = None
    agreement: float | None = None
    """Share of the production sample that is answered as the baseline does; None without one."""
    agreement_bound: float | None = None
    """One-sided lower bound of it, at the confidence of ``drop_bound``."""
    slices: tuple[SliceJudgement, ...] = ()
    saving: float | None = None
    saving_bound: float | None = None
    saving_required: float | None = None
    joules_per_answer: float | None = None
    """Of the candidate at the load of the policy; measured as ``tier`` says."""
    baseline_joules_per_answer: float | None = None
    """Of the baseline as registered, beside it."""
    tier: Tier | None = None
    rows_needed: int | None = None
    """Evaluation rows at which this drop would be within the margin; None where it never is."""


class Justification(Contract):
    """Why the unoptimized baseline ships; binds to one version, its bytes and its figures."""

    grounds: Grounds
    reason: str = Field(min_length=10)
    author: str
    decision_run_id: str
    source: ModelVersion
    baseline_digest: Sha256
    evidence_sha256: Sha256
    """Hash over the evaluation and energy figures that the author saw."""
    policy_sha256: Sha256
    created: str
    expires: str


def last_moment(expires: str) -> datetime | None:
    """The last moment of validity: a date lasts to its end in UTC; None where it is neither."""
    try:
        return datetime.combine(date.fromisoformat(expires), time.max, UTC)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(expires)
    except ValueError:
        return None
    return None if moment.tzinfo is None else moment


class JustificationUse(Part):
    """The justification that a decision rests on."""

    run_id: str
    experiment: str
    sha256: Sha256
    grounds: Grounds
    reason: str
    author: str
    expires: str


class Decision(Contract):
    """The ruling. ``promoted`` names the candidate whose bytes (``digest``) may be promoted."""

    verdict: Verdict
    sentence: str
    reasons: tuple[Reason, ...] = ()
    judgements: tuple[Judgement, ...] = ()
    promoted: Role | None = None
    digest: Sha256 | None = None
    deploy: Deploy
    source: ModelVersion
    baseline_digest: Sha256 | None
    """None where the run was blocked because there was no baseline to hash."""
    champion: Champion | None = None
    """What served when the decision was made; a promotion holds only while it still does."""
    policy_name: str
    policy_sha256: Sha256
    evidence_sha256: Sha256
    justification: JustificationUse | None = None
    guarantee: str
    """What this installation can and cannot promise about who decided."""
    run_id: str
    decided: str
