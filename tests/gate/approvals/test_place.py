"""Who may write where a justification lies: each way in, tried on a real server."""

from typing import Any

import pytest
from mlflow.exceptions import MlflowException

from leanstage.contracts import Approver
from leanstage.gate import decide
from leanstage.gate.approvals import find_justifications
from leanstage.gate.justify import JUSTIFICATION


def test_a_forged_author_in_ones_own_experiment(case: Any) -> None:
    case.plant("sam", case.work, case.justification(author="ada"))
    assert case.refusal().code == "justification.missing", "the policy does not look there"
    case.trust(Approver(experiment=case.work, user="ada"))
    assert case.refusal().code == "justification.unauthorised"


def test_a_forged_user_of_the_run(case: Any) -> None:
    def create(place: str) -> Any:
        forged = {"experiment_id": place, "user_id": "ada"}
        return case.server.ask("sam", "POST", "2.0/mlflow/runs/create", **forged)

    assert create(case.approvals_id).status_code == 403
    run = create(case.work_id).json()["run"]["info"]
    assert run["user_id"] == "ada", "MLflow keeps what the client states"
    case.plant("sam", case.work, case.justification(author="ada"), run_id=run["run_id"])
    assert case.refusal().code == "justification.missing"


def test_writing_where_only_the_approver_may(case: Any) -> None:
    with pytest.raises(MlflowException, match="403"):
        case.plant("sam", case.approvals, case.justification())
    written = case.justify()
    client = case.server.client("sam")
    with pytest.raises(MlflowException, match="403"):
        client.log_param(written.run_id, "more", "1")
    with pytest.raises(Exception, match="403"):
        client.log_text(written.run_id, "{}", JUSTIFICATION)
    assert case.decide().verdict == "PROMOTE_BASELINE"


def test_a_squatted_experiment(case: Any) -> None:
    """Whoever makes the experiment first may write to it, even once its approver may as well."""
    squatted = f"{case.approvals}-squatted"
    place = case.server.client("sam").create_experiment(squatted)
    case.trust(Approver(experiment=squatted, user="ada"))
    case.plant("sam", squatted, case.justification())
    assert case.refusal().code == "justification.unauthorised"
    case.server.grant("ada", "experiment", place, "EDIT")
    reason = case.refusal()
    assert reason.code == "justification.unauthorised"
    assert "besides ada, sam may write there" in reason.sentence


def test_an_experiment_renamed_into_place(case: Any) -> None:
    place = f"{case.approvals}-new"
    case.plant("sam", case.work, case.justification())
    case.server.client("sam").rename_experiment(case.work_id, place)
    case.trust(Approver(experiment=place, user="ada"))
    assert case.refusal().code == "justification.unauthorised"


def test_an_experiment_of_the_same_name_in_other_case(case: Any) -> None:
    case.plant("sam", case.approvals.upper(), case.justification())
    assert case.refusal().code == "justification.missing"


def test_a_second_writer(case: Any) -> None:
    case.justify()
    case.server.grant("bo", "experiment", case.approvals_id, "EDIT")
    reason = case.refusal()
    assert reason.code == "justification.unauthorised"
    assert "besides ada, bo may write there" in reason.sentence


def test_a_role_that_opens_every_run(case: Any) -> None:
    """MLflow's answer about the experiment itself says READ, and yet bo may write into runs."""
    written = case.justify()
    for kind, permission in (("run", "EDIT"), ("workspace", "MANAGE")):
        with case.server.role("bo", kind, permission):
            case.server.client("bo").log_text(written.run_id, "{}", JUSTIFICATION)
            reason = case.refusal()
        assert reason.code == "justification.unauthorised"
        assert "besides ada, bo may write there" in reason.sentence


def test_a_gate_that_may_not_ask(case: Any) -> None:
    case.justify()
    reason = [
        found for found in case.decide("bo").reasons if found.code == "justification.unauthorised"
    ]
    assert "does not tell the account bo what" in reason[0].sentence
    assert "make it an administrator of MLflow" in reason[0].sentence


def test_a_policy_that_names_no_account(case: Any) -> None:
    case.justify()
    case.policy = case.policy.model_copy(
        update={"approvers": (Approver(experiment=case.approvals),)}
    )
    reason = case.refusal()
    assert reason.code == "justification.unauthorised"
    assert "names no account" in reason.sentence


def test_an_approver_whom_the_policy_dropped(case: Any) -> None:
    case.justify()
    with case.server.as_user("gate"):
        found = find_justifications(case.source, case.policy)
    others = (Approver(experiment="approvals-of-others", user="bo"),)
    case.policy = case.policy.model_copy(update={"approvers": others})
    assert case.refusal().code == "justification.missing", "nobody looks there any more"
    codes = {reason.code for reason in decide(case.evidence, case.policy, found).reasons}
    assert "justification.unauthorised" in codes


def test_a_squatted_experiment_that_was_handed_over(case: Any) -> None:
    """MLflow keeps no record of permissions taken away: only the id tells the experiments apart."""
    squatted = f"{case.approvals}-handed-over"
    place = case.server.client("sam").create_experiment(squatted)
    case.trust(Approver(experiment=squatted, user="ada", experiment_id=case.approvals_id))
    case.plant("sam", squatted, case.justification())
    about = {"resource_type": "experiment", "resource_id": place}
    page = "3.0/mlflow/users/permissions"
    given = {"username": "ada", "permission": "EDIT", **about}
    assert case.server.ask("sam", "POST", f"{page}/grant", **given).ok
    assert case.server.ask("sam", "POST", f"{page}/revoke", username="sam", **about).ok
    assert case.refusal().code == "justification.unauthorised"
