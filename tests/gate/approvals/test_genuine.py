"""A justification that its approver alone can have written carries the baseline."""

from pathlib import Path
from typing import Any

import pytest

from leanstage.contracts import Approver
from leanstage.errors import InputError


def test_a_genuine_justification_is_accepted(case: Any, tmp_path: Path) -> None:
    proof = tmp_path / "tickets.csv"
    proof.write_text("ticket,loss\n1,2\n")
    assert case.refusal().code == "justification.missing"
    written = case.justify(attachments=[proof])
    assert written.experiment == case.approvals

    decision = case.decide()
    assert decision.verdict == "PROMOTE_BASELINE"
    assert decision.digest == case.evidence.baseline.digest
    assert decision.justification is not None
    assert decision.justification.author == "ada"
    assert decision.justification.run_id == written.run_id
    kept = case.server.client("ada").list_artifacts(written.run_id, "evidence")
    assert [file.path for file in kept] == ["evidence/tickets.csv"]


def test_its_author_is_whom_the_place_proves(case: Any) -> None:
    case.plant("ada", case.approvals, case.justification(author="the board"))
    decision = case.decide()
    assert decision.justification is not None
    assert decision.justification.author == "ada"


def test_a_gate_that_is_administrator_may_ask_too(case: Any) -> None:
    case.justify()
    with case.server.admin("gate"):
        assert case.decide().verdict == "PROMOTE_BASELINE"


def test_it_is_logged_where_the_policy_trusts_the_account(case: Any) -> None:
    elsewhere = Approver(experiment=f"{case.approvals}-bo", user="bo")
    case.trust(elsewhere, *case.policy.approvers)
    assert case.justify().experiment == case.approvals
    # Bo's does not exist yet: whoever makes it may write there, and here that is bo.
    assert case.justify("bo").experiment == elsewhere.experiment
    assert case.decide().verdict == "PROMOTE_BASELINE"


def test_an_account_that_the_policy_does_not_trust_is_told_so(case: Any) -> None:
    for account, changes, said in (
        ("sam", {}, "from ada, and MLflow knows you as sam"),
        ("admin", {}, "from ada, and MLflow knows you as admin"),
        ("ada", {"experiment": "scratch"}, "accepts justifications in .*, not in scratch"),
    ):
        with pytest.raises(InputError, match=said):
            case.justify(account, **changes)
    assert case.refusal().code == "justification.missing"


def test_an_approver_who_may_not_write_is_told_so(case: Any) -> None:
    case.server.revoke("ada", "experiment", case.approvals_id)
    with pytest.raises(InputError, match="the account ada may not write to the experiment"):
        case.justify()


def test_a_policy_that_trusts_nobody_is_told_before_writing(case: Any) -> None:
    case.trust(Approver(experiment=case.approvals))
    with pytest.raises(InputError, match="names no account for"):
        case.justify()
    case.trust()
    with pytest.raises(InputError, match="accepts justifications in nowhere"):
        case.justify()


def test_deleting_its_run_takes_it_back(case: Any) -> None:
    # EDIT lets an approver write, and only MANAGE take back.
    case.server.revoke("ada", "experiment", case.approvals_id)
    case.server.grant("ada", "experiment", case.approvals_id, "MANAGE")
    written = case.justify()
    client = case.server.client("ada")
    client.delete_run(written.run_id)
    assert case.refusal().code == "justification.missing"
    client.restore_run(written.run_id)
    assert case.decide().verdict == "PROMOTE_BASELINE"
    client.delete_experiment(case.approvals_id)
    assert case.refusal().code == "justification.missing"
    client.restore_experiment(case.approvals_id)
    assert case.decide().verdict == "PROMOTE_BASELINE"
