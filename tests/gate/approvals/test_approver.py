"""An approver stands apart from the model and from the gate; tried on a real server."""

from dataclasses import replace
from typing import Any

from leanstage.contracts import Approver, ModelVersion


def test_approving_ones_own_model(case: Any) -> None:
    place = case.server.client("admin").create_experiment(f"{case.approvals}-sam")
    case.server.grant("sam", "experiment", place, "EDIT")
    case.trust(Approver(experiment=f"{case.approvals}-sam", user="sam"))
    case.justify("sam")
    reason = case.refusal()
    assert reason.code == "justification.unauthorised"
    assert f"may edit the source model {case.source.name}" in reason.sentence


def test_an_approver_with_a_hand_in_the_source(case: Any) -> None:
    case.justify()
    case.server.grant("ada", "registered_model", case.source.name, "EDIT")
    case.server.grant("ada", "experiment", case.work_id, "EDIT")
    reason = case.refusal()
    assert reason.code == "justification.unauthorised"
    assert (
        f"ada may edit the source model {case.source.name} and the experiment {case.work_id} that "
        "the source version comes from"
    ) in reason.sentence


def test_an_approver_whose_role_opens_every_source(case: Any) -> None:
    case.justify()
    for kind in ("run", "logged_model", "registered_model_version"):
        with case.server.role("ada", kind, "EDIT"):
            reason = case.refusal()
        assert reason.code == "justification.unauthorised", kind
        assert "ada may edit the" in reason.sentence
    assert case.decide().verdict == "PROMOTE_BASELINE"


def test_an_approver_behind_a_copied_version(case: Any) -> None:
    """Whoever owns the model that a version was copied from does not approve the copy."""
    client, name = case.server.client("admin"), f"{case.source.name}-copy"
    client.create_registered_model(name)
    copy = client.create_model_version(name, f"models:/{case.source.name}/{case.source.version}")
    case.source = ModelVersion(
        name=copy.name, version=str(copy.version), created_ms=copy.creation_timestamp
    )
    case.evidence = replace(case.evidence, source=case.source)
    case.trust(*case.policy.approvers)
    case.justify()
    assert case.decide().verdict == "PROMOTE_BASELINE"
    case.server.grant("ada", "experiment", case.work_id, "EDIT")
    assert case.refusal().code == "justification.unauthorised"


def test_an_approver_who_became_administrator(case: Any) -> None:
    case.justify()
    with case.server.admin("ada"):
        reason = case.refusal()
    assert reason.code == "justification.unauthorised"
    assert "is an administrator of MLflow" in reason.sentence


def test_an_approver_who_is_the_gate(case: Any) -> None:
    case.trust(Approver(experiment=case.approvals, user="gate"))
    case.justify("gate")
    assert case.refusal().code == "justification.unauthorised"


def test_an_approver_who_may_no_longer_write(case: Any) -> None:
    case.justify()
    case.server.revoke("ada", "experiment", case.approvals_id)
    reason = case.refusal()
    assert reason.code == "justification.unauthorised"
    assert "does not exist or may not write there" in reason.sentence
