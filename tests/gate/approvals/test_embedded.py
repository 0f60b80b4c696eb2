"""Justifications on an MLflow without accounts: found as they were written, or not written."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from leanstage.contracts import ModelPolicy, ModelVersion
from leanstage.errors import InputError
from leanstage.gate import Evidence, decide
from leanstage.gate import approvals as looking
from leanstage.gate.approvals import find_justifications, justify
from leanstage.gate.standing import NO_PERMISSIONS
from leanstage.registry.client import connect, experiment_id

POLICY = ModelPolicy()
SOURCE = ModelVersion(name="tiny", version="1", created_ms=1_700_000_000_000)


@pytest.fixture
def blocked(mlflow_here: str, evidence_on: Any, keep: Any) -> Evidence:
    """A blocked run on the embedded MLflow."""
    client = connect()
    run = client.create_run(experiment_id(client, "leanstage"))
    evidence: Evidence = evidence_on(SOURCE, run.info.run_id, "a" * 64)
    keep(evidence, POLICY)
    return evidence


def arguments(evidence: Evidence, **changes: Any) -> dict[str, Any]:
    """What the command line hands over for a genuine justification."""
    genuine = {
        "model": "tiny",
        "version": "1",
        "decision_run_id": evidence.run_id,
        "grounds": "accuracy",
        "reason": "We cannot lose 2.0 points.",
    }
    return {**genuine, **changes}


def test_a_justification_is_found_as_it_was_written(
    blocked: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "whoever")
    written = justify(**arguments(blocked))
    (found,) = find_justifications(SOURCE, POLICY)
    assert found.run_id == written.run_id
    assert found.finished
    assert found.standing == NO_PERMISSIONS
    assert found.justification is not None
    assert found.justification.author == "whoever"
    assert found.params["justification_sha256"] == found.justification.sha256()
    assert found.justification.policy_sha256 == POLICY.sha256()
    decision = decide(blocked, POLICY, [found])
    assert decision.verdict == "PROMOTE_BASELINE"
    assert decision.justification is not None
    assert decision.justification.author == "whoever"


def test_a_justification_that_cannot_be_one(blocked: Evidence) -> None:
    refused: tuple[tuple[dict[str, Any], str], ...] = (
        ({"version": "9"}, "not of tiny version 9"),
        ({"reason": "because"}, "too short"),
        ({"expires": "2020-01-01"}, "is past"),
        ({"expires": "soon"}, "not a date"),
        ({"attachments": [Path("/nowhere.pdf")]}, "not a file"),
        ({"decision_run_id": "0" * 32}, "holds no decision"),
        ({"experiment": "scratch"}, "accepts justifications in leanstage-approvals, not in"),
    )
    for changes, said in refused:
        with pytest.raises(InputError, match=said):
            justify(**arguments(blocked, **changes))
    assert connect().get_experiment_by_name("leanstage-approvals") is None


def test_a_name_that_the_database_takes_for_the_same_is_another(
    blocked: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some databases compare without regard to case: MySQL does."""
    justify(**arguments(blocked))
    stored = connect().get_experiment_by_name("leanstage-approvals")
    other = SimpleNamespace(**{**dict(stored), "name": "Leanstage-Approvals"})
    client = SimpleNamespace(get_experiment_by_name=lambda _: other)
    monkeypatch.setattr(looking, "connect", lambda: client)
    assert find_justifications(SOURCE, POLICY) == []
