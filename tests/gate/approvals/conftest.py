"""A model of sam's that is blocked, and an experiment in which ada may approve."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from leanstage.contracts import Approver, ModelPolicy, ModelVersion
from leanstage.gate import Baseline, Evidence
from leanstage.registry.client import connect, experiment_id
from leanstage.registry.versions import register
from leanstage.variant import Variant
from leanstage.variant.adopt import adopt
from tests.conftest import train_tiny
from tests.gate.approvals.cases import Case, EvidenceOn, keep_blocked
from tests.mlflow_server import ADMIN, MlflowServer

_NUMBERS = itertools.count(1)


@pytest.fixture
def keep(tmp_path: Path) -> Callable[[Evidence, ModelPolicy], None]:
    """Keeps evidence and policy as a blocked run leaves them."""
    return lambda evidence, policy: keep_blocked(evidence, policy, tmp_path)


@pytest.fixture(scope="session")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> Variant:
    """The model that sam registers, which need not have learnt anything; never write into it."""
    folder = tmp_path_factory.mktemp("approvals")
    (folder / "checkpoint").mkdir()
    return adopt(train_tiny(folder / "checkpoint", "bert", steps=0), folder / "baseline")


@pytest.fixture(scope="session")
def evidence_on(genuine: Any) -> EvidenceOn:
    """Makes the evidence that blocks: of a version, its run and the digest of its bytes."""
    lossy = (genuine.lossy("optimized"), genuine.lossy("fallback"))

    def made(source: ModelVersion, run_id: str, digest: str) -> Evidence:
        return genuine.evidence(  # type: ignore[no-any-return]
            *(replace(candidate, **rebound(candidate, digest)) for candidate in lossy),
            source=source,
            run_id=run_id,
            baseline=Baseline(genuine.manifest(digest), digest),
            now=datetime.now(UTC),
        )

    return made


@pytest.fixture
def case(
    mlflow_server: MlflowServer, baseline: Variant, evidence_on: EvidenceOn, tmp_path: Path
) -> Case:
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
    made = Case(
        server=mlflow_server,
        folder=tmp_path,
        source=source,
        policy=ModelPolicy(approvers=(Approver(experiment=approvals, user="ada"),)),
        evidence=evidence_on(source, run_id, baseline.digest),
        evidence_on=evidence_on,
        work=work,
        work_id=work_id,
        approvals=approvals,
        approvals_id=approvals_id,
    )
    with mlflow_server.as_user("sam"):
        keep_blocked(made.evidence, made.policy, tmp_path)
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
