"""The gate step: rule on a dossier and keep the ruling."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path

from leanstage import progress
from leanstage.contracts import Decision
from leanstage.gate.approvals import find_justifications
from leanstage.gate.dossier import DECISION, Dossier
from leanstage.gate.verdict import decide
from leanstage.registry import runs
from leanstage.registry.client import tracking_uri

HISTORY = "decisions"


def rule(dossier: Dossier) -> Decision:
    """Judge the candidates, keep the decision with the MLflow run and tag the run with it."""
    context = dossier.context()
    progress.step("looking for justifications")
    justifications = find_justifications(context.source, context.policy.approvers)
    evidence = dossier.evidence(now=datetime.now(UTC), guarantee=guarantee())
    progress.step("judging the candidates")
    decision = decide(evidence, context.policy, justifications)
    dossier.announce()
    progress.step(decision.sentence)
    keep_decision(decision)
    return decision


def keep_decision(decision: Decision) -> None:
    """Log a decision as the current one and once more under its time: earlier ones stay."""
    with tempfile.TemporaryDirectory(prefix="leanstage-decision-") as scratch:
        current = decision.save(Path(scratch) / DECISION)
        runs.log_file(decision.run_id, current)
        stamp = decision.decided.replace(":", "").replace("+0000", "Z")
        runs.log_file(decision.run_id, decision.save(Path(scratch) / f"{stamp}.json"), HISTORY)
    codes = ",".join(sorted({reason.code for reason in decision.reasons}))
    runs.set_tags(
        decision.run_id,
        {"leanstage.verdict": decision.verdict, "leanstage.reasons": codes or "none"},
    )
    runs.log_metrics(
        decision.run_id,
        {
            f"{judgement.candidate}.{name}": value
            for judgement in decision.judgements
            for name, value in (
                ("accuracy_drop", judgement.drop),
                ("energy_saving", judgement.saving),
            )
            if value is not None
        },
    )


def guarantee() -> str:
    """What the installation can promise about who decided, in one sentence."""
    if tracking_uri().startswith("sqlite:"):
        return (
            "Embedded MLflow without users: the decision is recorded, but whoever may write to "
            "its database could have written the evidence or the justification."
        )
    return (
        "The MLflow server decides who may write evidence and justifications; its permissions "
        "were not examined by this gate."
    )
