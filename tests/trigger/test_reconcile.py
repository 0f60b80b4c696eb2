"""Versions on one side, runs on the other, through the official client of Kubeflow Pipelines."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import PERMISSION_DENIED

from leanstage.registry.client import connect
from leanstage.trigger.settings import Settings
from tests.trigger.conftest import Cluster, justify, leave_evidence, register, tags


def test_a_candidate_gets_one_run_and_says_so(cluster: Cluster) -> None:
    version = register("reviews")
    cluster.reconcile()
    (name,) = cluster.names
    assert name.startswith("leanstage-reviews-v1-")
    assert name.endswith("-a1")
    run = cluster.kfp.run_named(name)
    assert run["runtime_config"]["parameters"] == {"model": "models:/reviews/1", "request": name}
    assert run["pipeline_spec"]["pipeline_spec"]["pipelineInfo"]["name"] == "leanstage-deploy"
    assert tags("reviews", version) == {"status": "running", "run": name, "attempt": "1"}

    cluster.reconcile()
    assert cluster.names == [name]

    cluster.end(name, "SUCCEEDED")
    cluster.reconcile()
    cluster.reconcile()
    assert cluster.names == [name]
    assert tags("reviews", version)["status"] == "promoted"


def test_parameters_of_the_installation_go_along_and_never_instead(cluster: Cluster) -> None:
    given: dict[str, int | float | str] = {"energy_blocks": 20, "model": "another"}
    cluster.settings = Settings(parameters={"deploy": given, "optimize": {"seed": 1}})
    register("reviews")
    cluster.reconcile()
    sent = cluster.kfp.run_named(cluster.names[0])["runtime_config"]["parameters"]
    assert sent == {"energy_blocks": 20, "model": "models:/reviews/1", "request": cluster.names[0]}


def test_a_tag_asks_as_the_alias_does_and_nothing_else_asks(cluster: Cluster) -> None:
    asked = register("reviews", alias=False, leanstage__optimize="true")
    for other in ({}, {"leanstage__optimize": "false"}, {"other": "true"}):
        register("reviews", alias=False, **other)
    cluster.reconcile()
    assert len(cluster.names) == 1
    assert f"-v{asked}-" in cluster.names[0]


def test_prompts_are_left_alone(cluster: Cluster) -> None:
    client = connect()
    client.register_prompt("reviews-prompt", "Say {{ what }}.")
    client.set_prompt_version_tag("reviews-prompt", 1, "leanstage.optimize", "true")
    client.set_prompt_alias("reviews-prompt", "candidate", 1)
    cluster.reconcile()
    assert cluster.names == []


def test_what_the_gate_promoted_is_never_optimized_again(cluster: Cluster) -> None:
    """The champion may live in the candidate's own registered model, and carry any alias."""
    register("reviews", leanstage__state="promoted", leanstage__verdict="PROMOTE_OPTIMIZED")
    register("reviews", alias=False, leanstage__state="pending", leanstage__optimize="true")
    cluster.reconcile()
    assert cluster.names == []
    assert tags("reviews", "1") == tags("reviews", "2") == {}


def test_a_copied_version_is_a_version_of_its_own(cluster: Cluster) -> None:
    """MLflow copies the tags along: those of the trigger speak of the other version."""
    register("reviews")
    cluster.reconcile()
    cluster.end(cluster.names[0], "SUCCEEDED")
    cluster.reconcile()
    client = connect()
    copied = client.copy_model_version("models:/reviews/1", "reviews-copy")
    assert copied.tags["leanstage.status"] == "promoted"
    client.set_registered_model_alias("reviews-copy", "candidate", copied.version)
    cluster.reconcile()
    assert len(cluster.names) == 2
    assert tags("reviews-copy", "1")["run"] == cluster.names[1]


def test_a_model_deleted_and_registered_again_starts_anew(cluster: Cluster) -> None:
    register("reviews")
    cluster.reconcile()
    connect().delete_registered_model("reviews")
    register("reviews")
    cluster.reconcile()
    first, second = cluster.names
    assert first != second


def test_without_a_policy_a_version_is_unconfigured(
    cluster: Cluster, policies: Callable[..., None]
) -> None:
    version = register("other")
    cluster.reconcile()
    assert cluster.names == []
    noted = tags("other", version)
    assert noted["status"] == "unconfigured"
    assert "covers the model 'other'; add one" in noted["reason"]
    policies(models=["*"])
    cluster.reconcile()
    assert len(cluster.names) == 1
    assert "reason" not in tags("other", version)


def test_a_policy_that_names_no_data_cannot_start_a_run(
    cluster: Cluster, policies: Callable[..., None]
) -> None:
    policies(train=None)
    version = register("reviews")
    cluster.reconcile()
    assert cluster.names == []
    assert "names no train; set it there" in tags("reviews", version)["reason"]


def test_on_a_cluster_somebody_has_to_name_the_hardware(
    cluster: Cluster, policies: Callable[..., None]
) -> None:
    policies(hardware=None)
    version = register("reviews")
    cluster.reconcile()
    assert cluster.names == []
    assert "names no hardware; set it there" in tags("reviews", version)["reason"]
    cluster.settings = Settings(parameters={"deploy": {"hardware": "serving-pool"}})
    cluster.reconcile()
    assert len(cluster.names) == 1
    assert not Settings(backend="local").needs_hardware


def test_the_oldest_start_first_and_only_so_many_at_a_time(cluster: Cluster) -> None:
    versions = [register("reviews", leanstage__optimize="true") for _ in range(7)]
    # Somebody else's run in the same experiment counts as well.
    experiment = next(iter(cluster.kfp.experiments), None)
    assert experiment is None
    cluster.reconcile()
    assert [name.split("-v")[1].split("-")[0] for name in cluster.names] == versions[:4]
    assert [tags("reviews", v)["status"] for v in versions] == ["running"] * 4 + ["queued"] * 3
    cluster.end(cluster.names[1], "SUCCEEDED")
    cluster.end(cluster.names[2], "SUCCEEDED")
    cluster.reconcile()
    assert len(cluster.names) == 6


def test_runs_that_others_started_take_up_room(cluster: Cluster) -> None:
    register("reviews")
    cluster.reconcile()
    mine = cluster.kfp.run_named(cluster.names[0])
    for number in range(3):
        other = {**mine, "run_id": f"other-{number}", "display_name": "by hand"}
        cluster.kfp.runs[other["run_id"]] = other
    register("reviews")
    cluster.reconcile()
    assert sum(name.startswith("leanstage-") for name in cluster.names) == 1
    assert tags("reviews", "2")["status"] == "queued"


def test_a_failed_run_is_tried_twice_more(cluster: Cluster) -> None:
    version = register("reviews")
    for attempt in (1, 2, 3):
        cluster.reconcile()
        name = cluster.names[-1]
        assert name.endswith(f"-a{attempt}")
        assert tags("reviews", version)["attempt"] == str(attempt)
        cluster.end(name, "FAILED")
    for _ in range(2):
        cluster.reconcile()
        assert len(cluster.names) == 3
    noted = tags("reviews", version)
    assert noted["status"] == "failed"
    assert noted["reason"] == "3 of 3 attempts failed."


def test_the_next_attempt_waits(cluster: Cluster) -> None:
    cluster.settings = Settings(retry_seconds=600)
    version = register("reviews")
    cluster.reconcile()
    (name,) = cluster.names
    cluster.end(name, "FAILED")
    cluster.reconcile()
    assert cluster.names == [name]
    assert tags("reviews", version) == {
        "status": "queued",
        "run": name,
        "attempt": "1",
        "reason": "attempt 1 failed; another follows.",
    }
    ended = datetime.now(UTC) - timedelta(seconds=601)
    cluster.kfp.run_named(name)["finished_at"] = ended.isoformat().replace("+00:00", "Z")
    cluster.reconcile()
    assert cluster.names[1].endswith("-a2")


def test_a_run_that_a_person_stopped_is_not_started_again(cluster: Cluster) -> None:
    version = register("reviews")
    cluster.reconcile()
    cluster.end(cluster.names[0], "CANCELED")
    cluster.reconcile()
    assert len(cluster.names) == 1
    assert tags("reviews", version)["status"] == "failed"
    assert "stopped by hand" in tags("reviews", version)["reason"]


def test_a_run_that_was_deleted_counts_as_failed_unless_mlflow_tells_how_it_ended(
    cluster: Cluster,
) -> None:
    for version in (register("reviews"), register("reviews")):
        cluster.reconcile()
        name = cluster.names[-1]
        if version == "2":
            leave_evidence(name, verdict="PROMOTE_OPTIMIZED", promoted="models:/reviews/3")
        cluster.kfp.runs.clear()
        cluster.reconcile()
        if version == "1":
            assert [name.endswith("-a2") for name in cluster.names] == [True]
            cluster.end(cluster.names[0], "SUCCEEDED")
        else:
            assert cluster.names == []
            assert tags("reviews", version)["status"] == "promoted"


def test_blocked_is_no_failure_and_stands_until_it_is_justified(cluster: Cluster) -> None:
    version = register("reviews")
    cluster.reconcile()
    (name,) = cluster.names
    evidence = leave_evidence(name, verdict="BLOCKED")
    cluster.end(name, "FAILED")
    for _ in range(2):
        cluster.reconcile()
    assert cluster.names == [name]
    assert tags("reviews", version)["status"] == "blocked"

    # One of another version, one that is not finished: neither counts.
    justify("reviews", "7")
    connect().create_run(connect().get_experiment_by_name("approvals").experiment_id)
    cluster.reconcile()
    assert cluster.names == [name]

    justify("reviews", version)
    cluster.reconcile()
    cluster.reconcile()
    _, again = cluster.names
    run = cluster.kfp.run_named(again)
    assert run["runtime_config"]["parameters"]["run_id"] == evidence
    assert run["pipeline_spec"]["pipeline_spec"]["pipelineInfo"]["name"] == "leanstage-rejudge"
    cluster.end(again, "SUCCEEDED")
    cluster.reconcile()
    assert tags("reviews", version)["status"] == "promoted"


def test_each_justification_is_judged_once(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = register("reviews")
    cluster.reconcile()
    leave_evidence(cluster.names[0], verdict="BLOCKED")
    cluster.end(cluster.names[0], "FAILED")
    justify("reviews", version)
    cluster.reconcile()
    cluster.reconcile()
    again = cluster.names[1]
    # The gate judged again, after the run began, and does not accept it.
    monkeypatch.setattr(
        "leanstage.trigger.knowledge.decided_at",
        lambda run_id: datetime.now(UTC) + timedelta(seconds=5),
    )
    cluster.end(again, "FAILED")
    for _ in range(3):
        cluster.reconcile()
    assert len(cluster.names) == 2
    assert tags("reviews", version)["status"] == "blocked"
    justify("reviews", version)
    cluster.reconcile()
    assert len(cluster.names) == 3


def test_a_run_that_died_before_it_judged_again_is_tried_again(cluster: Cluster) -> None:
    version = register("reviews")
    cluster.reconcile()
    leave_evidence(cluster.names[0], verdict="BLOCKED")
    cluster.end(cluster.names[0], "FAILED")
    justify("reviews", version)
    cluster.reconcile()
    for attempt in (1, 2, 3):
        cluster.reconcile()
        assert cluster.names[-1].endswith(f"-a{attempt}")
        assert "-rejudge-" in cluster.names[-1]
        cluster.end(cluster.names[-1], "FAILED")
    for _ in range(2):
        cluster.reconcile()
    assert len(cluster.names) == 4
    assert tags("reviews", version)["status"] == "blocked", "the verdict of the gate still stands"


@pytest.mark.parametrize("ended", ["blocked", "failed"])
def test_a_new_policy_is_a_new_chance(
    cluster: Cluster, policies: Callable[..., None], ended: str
) -> None:
    version = register("reviews")
    if ended == "failed":
        for _ in range(3):
            cluster.reconcile()
            cluster.end(cluster.names[-1], "FAILED")
    else:
        cluster.reconcile()
        leave_evidence(cluster.names[0], verdict="BLOCKED")
        cluster.end(cluster.names[0], "FAILED")
    cluster.reconcile()
    assert tags("reviews", version)["status"] == ended
    before = cluster.names
    policies(tolerance=0.015)
    cluster.reconcile()
    *old, new = cluster.names
    assert old == before
    assert new.endswith("-a1")
    assert new not in before
    # Back to the old one: how its run ended is found by its name, without another.
    cluster.end(new, "FAILED")
    policies()
    cluster.reconcile()
    assert len(cluster.names) == len(before) + 1
    assert tags("reviews", version)["status"] == ended


def test_an_alias_that_moves_on_takes_its_request_along(cluster: Cluster) -> None:
    for _ in range(5):
        register("reviews", alias=False, leanstage__optimize="true")
    queued = register("other-reviews", alias=False)
    connect().set_registered_model_alias("other-reviews", "candidate", queued)
    cluster.reconcile()
    assert tags("reviews", "5")["status"] == "queued"
    connect().delete_model_version_tag("reviews", "5", "leanstage.optimize")
    connect().delete_model_version_tag("reviews", "1", "leanstage.optimize")
    cluster.reconcile()
    assert tags("reviews", "5") == {}
    assert tags("reviews", "1")["status"] == "running", "what runs is followed to its end"


def test_tags_are_a_memory_not_the_truth(cluster: Cluster) -> None:
    """Whoever may edit a version may take its tags away; its runs are found all the same."""
    version = register("reviews")
    for _ in range(2):
        cluster.reconcile()
        cluster.end(cluster.names[-1], "FAILED")
    cluster.reconcile()
    before = tags("reviews", version)
    for key in before:
        connect().delete_model_version_tag("reviews", version, f"leanstage.{key}")
    cluster.reconcile()
    assert tags("reviews", version) == before
    assert len(cluster.names) == 3
    connect().set_model_version_tag("reviews", version, "leanstage.status", "nonsense")
    cluster.reconcile()
    assert tags("reviews", version) == before


def test_a_tag_of_any_text_stops_nobody(cluster: Cluster) -> None:
    version = register("reviews")
    cluster.reconcile()
    before = tags("reviews", version)
    (name,) = cluster.names
    own = name.rsplit("-", 2)[0]
    forged = [
        ("attempt", "²"),
        ("attempt", "9" * 4900),
        ("run", f"{own}-aaaaaa-a{'9' * 4500}"),
        ("run", f"{own}-aaaaaa-a٣"),
        ("run", f"{own}-{'x' * 90_000}"),
        ("run", f"{own}-/../../x"),
        ("run", f"{own[:-8]}00000000-aaaaaa-a1"),
    ]
    for tag, text in forged:
        connect().set_model_version_tag("reviews", version, f"leanstage.{tag}", text)
        cluster.reconcile()
        assert tags("reviews", version) == before
    assert cluster.names == [name]


def test_two_halves_run_where_they_belong(cluster: Cluster, policies: Callable[..., None]) -> None:
    cluster.kfp.multi_user = True
    cluster.settings = Settings(
        flow="split",
        namespace="team-a",
        gate_namespace="gate",
        service_account="default-editor",
        gate_service_account="leanstage-gate",
        run_experiments="team-a-runs",
        gate_run_experiments="gate-runs",
        retry_seconds=0,
    )
    version = register("reviews")
    cluster.reconcile()
    (first,) = cluster.names
    half = cluster.kfp.run_named(first)
    spaces = {key: made["namespace"] for key, made in cluster.kfp.experiments.items()}
    assert spaces[half["experiment_id"]] == "team-a"
    assert half["service_account"] == "default-editor"
    assert half["pipeline_spec"]["pipeline_spec"]["pipelineInfo"]["name"] == "leanstage-optimize"

    proposal = leave_evidence(first, experiment="team-a-runs", kind="proposal")
    cluster.end(first, "SUCCEEDED")
    cluster.reconcile()
    _, second = cluster.names
    half = cluster.kfp.run_named(second)
    assert second == f"{first}-decide-a1"
    assert spaces[half["experiment_id"]] == "gate"
    assert half["service_account"] == "leanstage-gate"
    assert half["runtime_config"]["parameters"] == {"run_id": proposal, "request": second}
    assert tags("reviews", version)["status"] == "running"

    # A verdict that the submitter's account wrote down is not looked at.
    leave_evidence(second, experiment="team-a-runs", verdict="BLOCKED")
    cluster.end(second, "FAILED")
    cluster.reconcile()
    assert cluster.names[-1] == f"{first}-decide-a2"
    judged = leave_evidence(cluster.names[-1], experiment="gate-runs", verdict="BLOCKED")
    cluster.end(cluster.names[-1], "FAILED")
    cluster.reconcile()
    assert tags("reviews", version)["status"] == "blocked"

    justify("reviews", version)
    cluster.reconcile()
    run = cluster.kfp.run_named(cluster.names[-1])
    assert run["runtime_config"]["parameters"]["run_id"] == judged
    assert spaces[run["experiment_id"]] == "gate"
    cluster.end(cluster.names[-1], "SUCCEEDED")
    cluster.reconcile()
    assert tags("reviews", version)["status"] == "promoted"


def test_a_first_half_that_left_no_proposal_has_failed(cluster: Cluster) -> None:
    cluster.settings = Settings(flow="split", retry_seconds=0)
    register("reviews")
    cluster.reconcile()
    cluster.end(cluster.names[0], "SUCCEEDED")
    cluster.reconcile()
    assert cluster.names[1].endswith("-a2")
    assert "decide" not in cluster.names[1]


def test_of_thousands_that_wait_some_are_noted_in_the_next_pass(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leanstage.trigger.board.NOTES_A_PASS", 2)
    cluster.settings = Settings(max_active_runs=1)
    for name in ("reviews", "other"):
        for _ in range(4):
            register(name, alias=False, leanstage__optimize="true")
    trigger = cluster.trigger()
    assert [trigger.reconcile() for _ in range(5)] == [True, True, True, False, False]
    assert [tags("reviews", v)["status"] for v in "1234"] == ["running"] + ["queued"] * 3
    assert {tags("other", v)["status"] for v in "1234"} == {"unconfigured"}
    assert len(cluster.names) == 1


def test_versions_that_refuse_a_tag_hold_up_nobody_and_nothing(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leanstage.trigger.board.NOTES_A_PASS", 2)
    asked: list[str] = []
    write = MlflowClient.set_model_version_tag

    def refuse(self: MlflowClient, name: str, version: str, *more: str) -> None:
        asked.append(version)
        if version in "12":
            raise MlflowException("not yours", PERMISSION_DENIED)
        write(self, name, version, *more)

    monkeypatch.setattr(MlflowClient, "set_model_version_tag", refuse)
    for _ in range(5):
        register("other", alias=False, leanstage__optimize="true")
    trigger = cluster.trigger()
    # In the first pass nothing could be written: the next one waits for its time.
    assert [trigger.reconcile() for _ in range(4)] == [False, True, False, False]
    assert [tags("other", v).get("status") for v in "12345"] == [None] * 2 + ["unconfigured"] * 3
    assert asked.count("1") == asked.count("2") == 1, "not asked again at once"
