"""A model of sam's that is blocked, and an experiment in which ada may approve."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

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
from leanstage.gate import Baseline, Evidence, decide, write_once_params
from leanstage.gate.approvals import find_justifications, justify
from leanstage.gate.justify import JUSTIFICATION, Written
from leanstage.registry import runs
from leanstage.registry.client import connect, experiment_id
from leanstage.registry.versions import register
from leanstage.variant import Variant
from leanstage.variant.adopt import adopt
from tests.conftest import train_tiny
from tests.mlflow_server import ADMIN, GATE, MlflowServer

REASON = "Support tickets are routed by this model; we cannot lose 2.0 points."
_NUMBERS = itertools.count(1)


@dataclass
class Case:
    """One registered version, the evidence on it, and where its approver may write."""

    server: MlflowServer
    folder: Path
    source: ModelVersion
    policy: ModelPolicy
    evidence: Evidence
    evidence_on: Callable[[str], Evidence]
    """The same evidence on a baseline of another digest."""
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
            keep(self)


def keep(case: Case) -> None:
    """Keep decision and context with the run, as a blocked run leaves them."""
    data = DatasetInfo(split="train", source="rows.jsonl", n=10, rows_sha256="e" * 64)
    context = RunContext(
        run_id=case.evidence.run_id,
        source=case.source,
        pinned_model=f"models:/{case.source.name}/{case.source.version}",
        baseline_digest=str(case.evidence.baseline.digest),
        champion=None,
        deploy=case.evidence.deploy,
        policy=case.policy,
        train=data,
        validation=data.model_copy(update={"split": "validation"}),
        evaluation=data.model_copy(update={"split": "evaluation"}),
        unlabelled=data.model_copy(update={"split": "unlabelled"}),
    )
    decision = decide(case.evidence, case.policy)
    assert decision.verdict == "BLOCKED"
    runs.log_file(context.run_id, context.save(case.folder / "context.json"))
    runs.log_file(context.run_id, decision.save(case.folder / "decision.json"))


@pytest.fixture(scope="session")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> Variant:
    """The model that sam registers, which need not have learnt anything; never write into it."""
    folder = tmp_path_factory.mktemp("approvals")
    (folder / "checkpoint").mkdir()
    return adopt(train_tiny(folder / "checkpoint", "bert", steps=0), folder / "baseline")


@pytest.fixture
def case(mlflow_server: MlflowServer, baseline: Variant, genuine: Any, tmp_path: Path) -> Case:
    """A case of its own for every test, on the server that all share."""
    number = next(_NUMBERS)
    work, approvals = f"work-{number}", f"approvals-{number}"
    with mlflow_server.as_user("sam"):
        source = register(baseline, f"reviews-{number}", experiment=work, run_id=None, tags={})
        client = connect()
        work_id = experiment_id(client, work)
        run_id = client.create_run(work_id).info.run_id
    approvals_id = mlflow_server.client(ADMIN).create_experiment(approvals)
    mlflow_server.grant("ada", "experiment", approvals_id, "EDIT")

    def evidence_on(digest: str) -> Evidence:
        lossy = (genuine.lossy("optimized"), genuine.lossy("fallback"))
        return genuine.evidence(
            *(replace(candidate, **rebound(candidate, digest)) for candidate in lossy),
            source=source,
            run_id=run_id,
            baseline=Baseline(genuine.manifest(digest), digest),
            now=datetime.now(UTC),
        )

    made = Case(
        server=mlflow_server,
        folder=tmp_path,
        source=source,
        policy=ModelPolicy(approvers=(Approver(experiment=approvals, user="ada"),)),
        evidence=evidence_on(baseline.digest),
        evidence_on=evidence_on,
        work=work,
        work_id=work_id,
        approvals=approvals,
        approvals_id=approvals_id,
    )
    with mlflow_server.as_user("sam"):
        keep(made)
    return made


def rebound(candidate: Any, digest: str) -> dict[str, Any]:
    """The documents of a candidate, made for a baseline of this digest."""
    return {
        name: type(document).model_validate_json(
            document.model_dump_json().replace("b" * 64, digest)
        )
        for name in ("manifest", "evaluation", "energy")
        for document in [getattr(candidate, name)]
    }


@pytest.fixture
def lent(mlflow_server: MlflowServer) -> Iterator[Callable[..., Any]]:
    """Gives an account a role, or makes it an administrator, until the end of the test."""
    undo: list[Callable[[], None]] = []

    def lend(user: str, kind: str, permission: str = "") -> None:
        if kind == "admin":
            mlflow_server.make_admin(user, True)
            undo.append(lambda: mlflow_server.make_admin(user, False))
        else:
            role = mlflow_server.role(user, kind, permission)
            undo.append(lambda: mlflow_server.drop_role(role))

    yield lend
    for step in undo:
        step()
