"""May this justification carry the baseline? Place, bytes, binding, expiry and grounds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from leanstage.contracts import (
    Judgement,
    Justification,
    JustificationUse,
    ModelPolicy,
    Reason,
    ReasonCode,
    last_moment,
)
from leanstage.gate.evidence import Evidence, evidence_sha256, recheck
from leanstage.gate.grounds import unsupported
from leanstage.gate.standing import NO_PERMISSIONS, Standing, unauthorised
from leanstage.gate.words import objection

_WRITE_AGAIN = "Have an approver write a new justification from the current evidence."


@dataclass(frozen=True)
class RecordedJustification:
    """A justification as found in MLflow.

    Attributes:
        justification: the logged document; None where it cannot be read.
        run_id: run that holds it.
        experiment: name of the experiment of that run: who may write there is who approves.
        experiment_id: its id.
        finished: whether the run is finished.
        params: the run's params, which MLflow lets nobody overwrite.
        standing: who may write to that experiment, and what its approver may edit besides.
    """

    justification: Justification | None
    run_id: str
    experiment: str
    experiment_id: str
    finished: bool
    params: Mapping[str, str]
    standing: Standing = NO_PERMISSIONS


def write_once_params(justification: Justification) -> dict[str, str]:
    """The run params to log beside the document; params cannot be changed afterwards."""
    return {
        "justification_sha256": justification.sha256(),
        "model_name": justification.source.name,
        "model_version": justification.source.version,
        "baseline_digest": justification.baseline_digest,
    }


def check(
    recorded: RecordedJustification,
    evidence: Evidence,
    policy: ModelPolicy,
    judgements: Sequence[Judgement],
) -> JustificationUse | Reason:
    """Check one justification against the evidence it is to answer for.

    Args:
        recorded: what MLflow holds.
        evidence: the evidence being decided on.
        policy: valid.
        judgements: of every candidate of ``evidence``.

    Returns:
        How the decision uses it, or why it is refused: ``justification.unauthorised``,
        ``.missing`` (its run is not finished), ``.tampered``, ``.mismatch`` (bound to something
        else, or its grounds are not in the evidence) or ``.expired``; the first that applies.
    """

    def refuse(code: ReasonCode, why: str, remedy: str = _WRITE_AGAIN) -> Reason:
        where = f"in run {recorded.run_id} of experiment {recorded.experiment}"
        return objection("baseline")(code, f"The justification {where} {why}.", remedy)

    outside = unauthorised(recorded.experiment, recorded.experiment_id, recorded.standing, policy)
    if outside is not None:
        return refuse("justification.unauthorised", outside.why, outside.remedy)
    if recorded.finished is not True:
        return refuse(
            "justification.missing",
            "is not complete: its run is not finished",
            "Finish its run, then decide again.",
        )
    justification = recheck(Justification, recorded.justification)
    if justification is None:
        return refuse("justification.tampered", "cannot be read as it was logged")
    altered = [
        name
        for name, value in write_once_params(justification).items()
        if recorded.params.get(name) != value
    ]
    if altered:
        names = ", ".join(altered)
        return refuse("justification.tampered", f"was changed: it differs in {names} from its run")
    elsewhere = _bound_elsewhere(justification, evidence, policy)
    if elsewhere:
        return refuse("justification.mismatch", f"is bound to another {', '.join(elsewhere)}")
    expiry = last_moment(justification.expires)
    if expiry is None:
        return refuse(
            "justification.expired",
            f"states no date or time with time zone as its expiry, but {justification.expires!r}",
        )
    if not evidence.now <= expiry:
        return refuse("justification.expired", f"expired on {justification.expires}")
    lacking = unsupported(justification, evidence, judgements)
    if lacking is not None:
        return refuse("justification.mismatch", lacking.why, lacking.remedy)
    return JustificationUse(
        run_id=recorded.run_id,
        experiment=recorded.experiment,
        sha256=justification.sha256(),
        grounds=justification.grounds,
        reason=justification.reason,
        author=_author(recorded.standing, justification),
        expires=justification.expires,
    )


def _author(standing: Standing, justification: Justification) -> str:
    """Who approved: the account that the place proves; what a document states proves nothing."""
    return justification.author if standing.approver is None else standing.approver


def _bound_elsewhere(
    justification: Justification, evidence: Evidence, policy: ModelPolicy
) -> list[str]:
    """Names of what the justification was written for and this decision is not about."""
    bound = justification.source
    source = evidence.source
    return [
        name
        for name, stated, actual in (
            ("model", bound.name, source.name),
            ("model version", bound.version, source.version),
            ("registration of that version", bound.created_ms, source.created_ms),
            ("baseline digest", justification.baseline_digest, evidence.baseline.digest),
            ("policy", justification.policy_sha256, policy.sha256()),
            ("evidence", justification.evidence_sha256, evidence_sha256(evidence)),
            ("decision run", justification.decision_run_id, evidence.run_id),
        )
        if stated != actual
    ]
