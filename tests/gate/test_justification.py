"""A justification carries the baseline only from the right place, unchanged, bound and in time."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from leanstage.contracts import Approver, JustificationUse, ModelPolicy, ModelVersion, Reason
from leanstage.gate import check, decide, judge, write_once_params
from leanstage.gate.standing import Standing


def verdict_on(
    genuine: Any, evidence: Any, recorded: Any, policy: ModelPolicy | None = None
) -> JustificationUse | Reason:
    policy = policy or genuine.policy
    judgements = [judged.judgement for judged in judge(evidence, policy)]
    return check(recorded, evidence, policy, judgements)


def refusal(genuine: Any, evidence: Any, recorded: Any) -> Reason:
    found = verdict_on(genuine, evidence, recorded)
    assert isinstance(found, Reason)
    decision = decide(evidence, genuine.policy, [recorded])
    assert decision.verdict == "BLOCKED"
    assert found in decision.reasons
    assert "justification.missing" not in {
        reason.code for reason in decision.reasons if reason != found
    }
    return found


@pytest.fixture
def evidence(genuine: Any) -> Any:
    return genuine.evidence(genuine.lossy("optimized"), genuine.lossy("fallback"))


def test_a_genuine_one_is_accepted(genuine: Any, evidence: Any) -> None:
    justification = genuine.justification(evidence)
    assert verdict_on(genuine, evidence, genuine.recorded(justification)) == JustificationUse(
        run_id="approval-1",
        experiment="leanstage-approvals",
        sha256=justification.sha256(),
        grounds="accuracy",
        reason=justification.reason,
        author="A. Approver",
        expires="2027-02-28",
    )


def test_the_place_must_be_one_of_the_policy(genuine: Any, evidence: Any) -> None:
    recorded = replace(genuine.justified(evidence), experiment="scratch")
    assert refusal(genuine, evidence, recorded).code == "justification.unauthorised"
    nobody = ModelPolicy(approvers=())
    found = verdict_on(genuine, evidence, genuine.justified(evidence, nobody), nobody)
    assert isinstance(found, Reason)
    assert found.code == "justification.unauthorised"


OF_ADA = ModelPolicy(approvers=(Approver(experiment="leanstage-approvals", user="ada"),))
SOUND = Standing(kept=True, approver="ada", may_write=True)


def test_who_approved_is_whom_the_place_proves(genuine: Any, evidence: Any) -> None:
    recorded = replace(genuine.justified(evidence, OF_ADA, author="the board"), standing=SOUND)
    found = verdict_on(genuine, evidence, recorded, OF_ADA)
    assert isinstance(found, JustificationUse)
    assert found.author == "ada"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"refused": "MLflow does not tell"}, "cannot be trusted: MLflow does not tell."),
        ({"approver": None}, "names no account"),
        ({"approver": "bo"}, "names no account"),
        ({"is_gate": True}, "the gate itself runs as ada"),
        ({"is_admin": True}, "ada is an administrator of MLflow"),
        ({"may_write": False}, "does not exist or may not write there"),
        ({"other_writers": ("sam",)}, "besides ada, sam may write there"),
        ({"other_writers": ("bo", "sam")}, "besides ada, bo and sam may write there"),
        ({"other_writers": tuple("abcde")}, "besides ada, a, b, c and 2 more may write there"),
        ({"edits_source": ("the source model reviews",)}, "ada may edit the source model reviews"),
    ],
)
def test_a_place_that_is_not_the_approvers_alone(
    genuine: Any, evidence: Any, changes: dict[str, Any], said: str
) -> None:
    standing = replace(SOUND, **changes)
    recorded = replace(genuine.justified(evidence, OF_ADA), standing=standing)
    found = verdict_on(genuine, evidence, recorded, OF_ADA)
    assert isinstance(found, Reason)
    assert found.code == "justification.unauthorised"
    assert said in found.sentence


def test_an_account_must_be_named_where_permissions_are_kept(genuine: Any, evidence: Any) -> None:
    recorded = replace(genuine.justified(evidence), standing=Standing(kept=True))
    reason = refusal(genuine, evidence, recorded)
    assert reason.code == "justification.unauthorised"
    assert "names no account" in reason.sentence


@pytest.mark.parametrize(("required", "accepted"), [(False, True), (True, False)])
def test_permissions_can_be_required(
    genuine: Any, evidence: Any, required: bool, accepted: bool
) -> None:
    policy = ModelPolicy(require_permissions=required)
    found = verdict_on(genuine, evidence, genuine.justified(evidence, policy), policy)
    assert isinstance(found, JustificationUse) is accepted
    if isinstance(found, Reason):
        assert found.code == "justification.unauthorised"
        assert "this MLflow keeps none" in found.sentence


def test_the_name_of_the_place_must_be_exact(genuine: Any, evidence: Any) -> None:
    for name in ("Leanstage-Approvals", " leanstage-approvals", "leanstage-approvals/x"):
        recorded = replace(genuine.justified(evidence), experiment=name)
        assert refusal(genuine, evidence, recorded).code == "justification.unauthorised"


def test_an_open_run_is_not_complete(genuine: Any, evidence: Any) -> None:
    recorded = replace(genuine.justified(evidence), finished=False)
    assert refusal(genuine, evidence, recorded).code == "justification.missing"


@pytest.mark.parametrize(
    "name", ["justification_sha256", "model_name", "model_version", "baseline_digest"]
)
def test_params_that_cannot_be_rewritten_give_a_change_away(
    genuine: Any, evidence: Any, name: str
) -> None:
    genuine_one = genuine.justified(evidence)
    for params in (
        {**genuine_one.params, name: "0" * 64},
        {key: value for key, value in genuine_one.params.items() if key != name},
    ):
        reason = refusal(genuine, evidence, replace(genuine_one, params=params))
        assert reason.code == "justification.tampered"
        assert name in reason.sentence


def test_a_rewritten_document_is_refused(genuine: Any, evidence: Any) -> None:
    genuine_one = genuine.justification(evidence)
    rewritten = genuine_one.model_copy(update={"expires": "2099-01-01"})
    recorded = genuine.recorded(rewritten, params=write_once_params(genuine_one))
    assert refusal(genuine, evidence, recorded).code == "justification.tampered"


def test_an_unreadable_document_is_refused(genuine: Any, evidence: Any, spoiled: Any) -> None:
    recorded = genuine.justified(evidence)
    for document in (None, spoiled.put(recorded.justification, ("grounds",), "because")):
        reason = refusal(genuine, evidence, replace(recorded, justification=document))
        assert reason.code == "justification.tampered"


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"baseline_digest": "9" * 64}, "baseline digest"),
        ({"evidence_sha256": "9" * 64}, "evidence"),
        ({"policy_sha256": "9" * 64}, "policy"),
        ({"decision_run_id": "run-0"}, "decision run"),
        ({"source": ModelVersion(name="spam", version="3", created_ms=1_700_000_000_000)}, "model"),
        (
            {"source": ModelVersion(name="reviews", version="4", created_ms=1_700_000_000_000)},
            "model version",
        ),
        (
            {"source": ModelVersion(name="reviews", version="3", created_ms=1)},
            "registration of that version",
        ),
    ],
)
def test_it_counts_only_for_what_it_was_written_for(
    genuine: Any, evidence: Any, changes: dict[str, Any], named: str
) -> None:
    reason = refusal(genuine, evidence, genuine.justified(evidence, **changes))
    assert reason.code == "justification.mismatch"
    assert reason.sentence.endswith(f"is bound to another {named}.")


def test_every_mismatch_is_named(genuine: Any, evidence: Any) -> None:
    recorded = genuine.justified(evidence, policy_sha256="9" * 64, decision_run_id="run-0")
    assert "policy, decision run" in refusal(genuine, evidence, recorded).sentence


def test_it_does_not_outlive_new_figures(genuine: Any, evidence: Any) -> None:
    recorded = genuine.justified(evidence)
    again = genuine.evidence(
        genuine.lossy("optimized", energy=genuine.energy(ratio=0.31)), genuine.lossy("fallback")
    )
    assert refusal(genuine, again, recorded).code == "justification.mismatch"


@pytest.mark.parametrize(
    ("expires", "accepted"),
    [
        ("2026-11-23", True),
        ("2026-11-22", False),
        ("2026-11-23T12:00:00+00:00", True),
        ("2026-11-23T11:59:59Z", False),
        ("2026-11-23T13:30:00+02:00", False),
        ("2026-11-24T12:00:00", False),
        ("9999-12-31", True),
        ("never", False),
        ("", False),
    ],
)
def test_it_counts_until_it_expires(
    genuine: Any, evidence: Any, expires: str, accepted: bool
) -> None:
    found = verdict_on(genuine, evidence, genuine.justified(evidence, expires=expires))
    assert isinstance(found, JustificationUse) is accepted
    if isinstance(found, Reason):
        assert found.code == "justification.expired"


def test_a_date_lasts_to_its_end(genuine: Any, evidence: Any) -> None:
    late = replace(evidence, now=datetime(2026, 11, 23, 23, 59, 59, tzinfo=UTC))
    recorded = genuine.justified(late, expires="2026-11-23")
    assert isinstance(verdict_on(genuine, late, recorded), JustificationUse)
    over = replace(evidence, now=datetime(2026, 11, 24, tzinfo=UTC))
    assert isinstance(verdict_on(genuine, over, recorded), Reason)


def test_lost_accuracy_must_be_in_the_evidence(genuine: Any) -> None:
    costly = genuine.candidate(energy=genuine.energy(ratio=0.95))
    evidence = genuine.evidence(costly)
    reason = refusal(genuine, evidence, genuine.justified(evidence))
    assert reason.code == "justification.mismatch"
    assert "loss of accuracy" in reason.sentence


@pytest.mark.parametrize(
    ("text", "accepted"),
    [
        ("Every 0.2 points count: the model sorts calls for help.", True),
        ("The candidate reaches 94.80% only.", True),
        ("An accuracy of 0.948 is below our contract.", True),
        ("We lose 0.3 points with it.", False),
        ("We lose 0 points with it, or 1, or 2.", False),
        ("We just like the baseline more.", False),
        ("It is 0.0 that we want to lose.", False),
    ],
)
def test_a_requested_baseline_must_cite_a_measured_loss(
    genuine: Any, text: str, accepted: bool
) -> None:
    evidence = genuine.evidence(deploy="baseline")
    found = verdict_on(genuine, evidence, genuine.justified(evidence, reason=text))
    assert isinstance(found, JustificationUse) is accepted


def test_no_loss_cannot_be_cited(genuine: Any) -> None:
    gaining = genuine.candidate(evaluation=genuine.evaluation(lost=8, gained=10))
    evidence = genuine.evidence(gaining, deploy="baseline")
    recorded = genuine.justified(evidence, reason="It reaches 95.1% instead of 95.0%.")
    assert refusal(genuine, evidence, recorded).code == "justification.mismatch"


def test_no_saving_must_be_shown_by_trials_of_all_techniques(genuine: Any) -> None:
    costly = {"energy": genuine.energy(ratio=0.95)}
    evidence = genuine.evidence(genuine.candidate(**costly))
    accepted = verdict_on(genuine, evidence, genuine.justified(evidence, grounds="no_saving"))
    assert isinstance(accepted, JustificationUse)

    untried = genuine.manifest("1" * 64, parameters=500, lineage=genuine.lineage(tried=("prune",)))
    evidence = genuine.evidence(genuine.candidate(**costly, manifest=untried))
    reason = refusal(genuine, evidence, genuine.justified(evidence, grounds="no_saving"))
    assert reason.code == "justification.mismatch"
    assert "distill, quantize" in reason.sentence

    elsewhere = tuple(
        step.model_copy(update={"parent_digest": "9" * 64}) for step in genuine.lineage()
    )
    foreign = genuine.manifest("1" * 64, parameters=500, lineage=elsewhere)
    evidence = genuine.evidence(genuine.candidate(**costly, manifest=foreign))
    reason = refusal(genuine, evidence, genuine.justified(evidence, grounds="no_saving"))
    assert "distill, prune, quantize" in reason.sentence


def test_an_inconclusive_saving_is_not_no_saving(genuine: Any) -> None:
    evidence = genuine.evidence(genuine.candidate(energy=genuine.energy(ratio=0.79, spread=8.0)))
    reason = refusal(genuine, evidence, genuine.justified(evidence, grounds="no_saving"))
    assert reason.code == "justification.mismatch"
    assert "measure longer" in reason.next


def test_the_runtime_is_for_the_approver_to_know(genuine: Any) -> None:
    evidence = genuine.evidence(deploy="baseline")
    recorded = genuine.justified(evidence, grounds="runtime", reason="The router runs TorchScript.")
    decision = decide(evidence, genuine.policy, [recorded])
    assert decision.verdict == "PROMOTE_BASELINE"
    assert decision.reasons == ()
