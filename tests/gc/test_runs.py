"""Runs: candidates' bytes go in time, evidence never."""

from collections.abc import Callable
from unittest.mock import patch

import pytest

from leanstage.errors import InputError
from leanstage.gate.dossier import Dossier
from leanstage.gate.keeping import fetch, recall
from leanstage.gc.artifacts import delete_files
from leanstage.registry.client import RegistryError
from leanstage.resolve.receive import ReceivedFiles, receive
from tests.gc.conftest import EVIDENCE, PARAMS, WEIGHTS, State

Files = Callable[[str], set[str]]


def test_the_bytes_of_old_candidates_go_and_their_evidence_stays(
    state: State, files: Files
) -> None:
    old = state.run(days_ago=91, files=EVIDENCE + WEIGHTS, tags={"leanstage.verdict": "BLOCKED"})
    young = state.run(days_ago=89, files=EVIDENCE + WEIGHTS)
    (item,) = state.survey(state.rules()).items
    assert (item.kind, item.name, item.bytes) == ("variant", old, 20)
    assert "BLOCKED" in item.reason
    assert files(old) == {*EVIDENCE, *WEIGHTS}, "looking deletes nothing"
    assert state.collect(state.rules()) == [("variant", old)]
    assert files(old) == set(EVIDENCE)
    assert state.client.get_run(old).data.tags["leanstage.collected"]
    assert files(young) == {*EVIDENCE, *WEIGHTS}
    assert state.collect(state.rules()) == []


def test_a_proposal_under_decision_stays(state: State, files: Files) -> None:
    tags = {"leanstage.kind": "proposal"}
    proposal = state.run(days_ago=100, files=("proposal.json", *WEIGHTS), tags=tags)
    deciding = state.run(days_ago=0, status="RUNNING", params={**PARAMS, "proposal": proposal})
    assert state.survey(state.rules()).items == ()
    state.client.set_terminated(deciding, "FINISHED")
    (item,) = state.survey(state.rules()).items
    # Another decision, in an experiment of the gate's, that began after the look.
    state.runs = "gate-runs"
    again = state.run(days_ago=0, status="RUNNING", params={**PARAMS, "proposal": proposal})
    assert item.delete() is False
    assert files(proposal) == {"proposal.json", *WEIGHTS}
    state.runs = "runs"
    assert state.survey(state.rules()).items == ()
    state.client.set_terminated(again, "KILLED")
    assert state.collect(state.rules()) == [("variant", proposal)]
    assert files(proposal) == {"proposal.json"}


def test_a_collection_that_is_killed_is_ended_by_the_next(state: State, files: Files) -> None:
    run_id = state.run(days_ago=91, files=EVIDENCE + WEIGHTS)

    def killed(run_id: str, paths: list[str]) -> None:
        delete_files(run_id, paths[:1])
        raise KeyboardInterrupt

    with patch("leanstage.gc.runs.delete_files", killed), pytest.raises(KeyboardInterrupt):
        state.collect(state.rules())
    assert len(files(run_id) & set(WEIGHTS)) == 1
    assert state.client.get_run(run_id).data.tags["leanstage.collected"]
    assert state.collect(state.rules()) == [("variant", run_id)]
    assert files(run_id) == set(EVIDENCE)
    with patch("leanstage.gc.runs.files_of_run", side_effect=AssertionError("looked again")):
        assert state.collect(state.rules()) == []


def test_a_run_without_its_candidates_is_not_judged_again(state: State) -> None:
    judged = state.run(days_ago=91, files=EVIDENCE + WEIGHTS)
    proposal = state.run(days_ago=91, files=("proposal.json", *WEIGHTS))
    unknown = InputError("unknown")
    kept = fetch(judged, state.folder / "kept", "context.json", unknown)
    assert all((kept / name).is_file() for name in (*EVIDENCE, *WEIGHTS))
    with pytest.raises(InputError, match="unknown"):
        fetch(proposal, state.folder / "other", "context.json", unknown)
    state.collect(state.rules())
    day = state.now.date().isoformat()
    said = rf"candidates of run \w+ were collected on {day} .*; run it anew\.$"
    dossier = Dossier(
        context_file=state.folder / "judge" / "context.json",
        plan_file=state.folder / "judge" / "plan.json",
        baseline=state.folder / "judge" / "baseline",
        candidates={},
    )
    with pytest.raises(InputError, match=said):
        recall(judged, dossier)
    with pytest.raises(InputError, match=said):
        receive(proposal, ReceivedFiles(*(state.folder / "received",) * 7, candidates={}))


def test_a_run_that_runs_is_not_touched(state: State) -> None:
    state.run(days_ago=300, status="RUNNING", files=WEIGHTS)
    assert state.survey(state.rules()).items == ()


@pytest.mark.parametrize("status", ["FAILED", "KILLED"])
def test_runs_that_failed_before_any_evidence_go(state: State, status: str) -> None:
    empty = state.run(days_ago=91, status=status)
    state.run(days_ago=91, status=status, files=("plan.json",))
    state.run(days_ago=89, status=status)
    state.run(days_ago=91, status="FINISHED")
    assert state.collect(state.rules()) == [("failed run", empty)]
    assert state.client.get_run(empty).info.lifecycle_stage == "deleted"


def test_a_failed_run_that_a_version_came_out_of_stays(state: State) -> None:
    run_id = state.run(days_ago=91, status="FAILED")
    state.client.create_registered_model("m")
    state.client.create_model_version("m", "s3://bucket/model", run_id=run_id)
    assert state.survey(state.rules()).items == ()


def test_a_verdict_without_its_decision_is_named(state: State) -> None:
    run_id = state.run(days_ago=91, status="FAILED", tags={"leanstage.verdict": "BLOCKED"})
    plan = state.survey(state.rules())
    assert plan.items == ()
    assert [kept.name for kept in plan.kept] == [run_id]


def test_runs_of_others_are_not_touched(state: State, files: Files) -> None:
    justification = {"sha256": "0", "model": "m"}
    state.run(days_ago=300, status="FAILED", params=justification)
    other = state.run(days_ago=300, files=WEIGHTS, params={})
    assert state.collect(state.rules()) == []
    assert files(other) == set(WEIGHTS)


def test_nothing_goes_where_mlflow_does_not_answer(state: State) -> None:
    state.run(days_ago=300, status="FAILED")
    refused = RegistryError("MLflow refused")
    with (
        patch("leanstage.gc.versions.connect", side_effect=refused),
        pytest.raises(RegistryError),
    ):
        state.survey(state.rules())
