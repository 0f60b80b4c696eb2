"""One blocked version, and what can be tried to justify it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from leanstage.contracts import (
    Approver,
    Decision,
    Justification,
    ModelPolicy,
    ModelVersion,
    Reason,
    RunContext,
)
from leanstage.contracts.dataset import DatasetInfo
from leanstage.gate import Evidence, decide, write_once_params
from leanstage.gate.approvals import find_justifications, justify
from leanstage.gate.justify import JUSTIFICATION, Written
from leanstage.registry import runs
from leanstage.registry.client import connect, experiment_id
from tests.mlflow_server import GATE, MlflowServer

EvidenceOn = Callable[[ModelVersion, str, str], Evidence]

REASON = "Support tickets are routed by this model; we cannot lose 2.0 points."


@dataclass
class Case:
    """One registered version, the evidence on it, and where its approver may write."""

    server: MlflowServer
    folder: Path
    source: ModelVersion
    policy: ModelPolicy
    evidence: Evidence
    evidence_on: EvidenceOn
    work: str
    """Sam's experiment: the bytes and the run of the model."""
    work_id: str
    approvals: str
    """Made by the administrator, and ada's alone to write to."""
    approvals_id: str

    def justify(self, account: str = "ada", **changes: Any) -> Written:
        """Log a justification as an approver would."""
        arguments: dict[str, Any] = {
            "model": self.source.name,
            "version": self.source.version,
            "decision_run_id": self.evidence.run_id,
            "grounds": "accuracy",
            "reason": REASON,
        }
        with self.server.as_user(account):
            return justify(**{**arguments, **changes})

    def justification(self, **changes: Any) -> Justification:
        """The document that a genuine justification would hold."""
        decision = decide(self.evidence, self.policy)
        fields: dict[str, Any] = {
            "grounds": "accuracy",
            "reason": REASON,
            "author": "ada",
            "decision_run_id": decision.run_id,
            "source": decision.source,
            "baseline_digest": decision.baseline_digest,
            "evidence_sha256": decision.evidence_sha256,
            "policy_sha256": decision.policy_sha256,
            "created": "2026-11-23T11:00:00+00:00",
            "expires": "2099-12-31",
        }
        return Justification(**{**fields, **changes})

    def plant(
        self, account: str, experiment: str, document: Justification, run_id: str | None = None
    ) -> str:
        """Log a document by hand, stating its author as that of the run; returns the run."""
        with self.server.as_user(account):
            client = connect()
            if run_id is None:
                place = experiment_id(client, experiment)
                run = client.create_run(place, tags={"mlflow.user": document.author})
                run_id = str(run.info.run_id)
            for name, value in write_once_params(document).items():
                client.log_param(run_id, name, value)
            runs.log_file(run_id, document.save(self.folder / JUSTIFICATION))
            runs.end_run(run_id, "FINISHED")
        return run_id

    def decide(self, account: str = GATE, **changes: Any) -> Decision:
        """The gate's decision now; ``changes`` are of the evidence."""
        with self.server.as_user(account):
            found = find_justifications(self.source, self.policy)
        return decide(replace(self.evidence, **changes), self.policy, found)

    def refusal(self, **changes: Any) -> Reason:
        """The one reason for which the decision refuses the justification."""
        decision = self.decide(**changes)
        assert decision.verdict == "BLOCKED"
        (reason,) = [found for found in decision.reasons if found.code.startswith("justification.")]
        return reason

    def trust(self, *approvers: Approver, **changes: Any) -> None:
        """Let the policy name these approvers; decision and evidence are kept under it."""
        self.policy = self.policy.model_copy(update={"approvers": approvers, **changes})
        with self.server.as_user("sam"):
            keep_blocked(self.evidence, self.policy, self.folder)


def keep_blocked(evidence: Evidence, policy: ModelPolicy, folder: Path) -> None:
    """Keep decision and context with the run, as a blocked run leaves them."""
    data = DatasetInfo(split="train", source="rows.jsonl", n=10, rows_sha256="e" * 64)
    source = evidence.source
    context = RunContext(
        run_id=evidence.run_id,
        source=source,
        pinned_model=f"models:/{source.name}/{source.version}",
        baseline_digest=str(evidence.baseline.digest),
        champion=None,
        deploy=evidence.deploy,
        policy=policy,
        hardware=evidence.hardware,
        train=data,
        validation=data.model_copy(update={"split": "validation"}),
        evaluation=data.model_copy(update={"split": "evaluation"}),
        unlabelled=data.model_copy(update={"split": "unlabelled"}),
    )
    decision = decide(evidence, policy)
    assert decision.verdict == "BLOCKED"
    runs.log_file(context.run_id, context.save(folder / "context.json"))
    runs.log_file(context.run_id, decision.save(folder / "decision.json"))
