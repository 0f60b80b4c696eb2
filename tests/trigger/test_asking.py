"""What an audit asks for, the trigger starts, once for each version; Kubeflow is a stand-in."""

from typing import Any

import pytest

from leanstage.audit import ask, survey, told
from leanstage.contracts import AuditEntry
from leanstage.registry.client import RegistryError, connect
from tests.trigger.conftest import Cluster, register, tags


@pytest.fixture
def entries(cluster: Cluster) -> list[AuditEntry]:
    """Three versions that serve and that nobody looked at, and one that no policy covers."""
    for name in ("another", "reviews-a", "reviews-b", "reviews-c"):
        register(name, alias=False)
        connect().set_registered_model_alias(name, "champion", "1")
    found = list(survey(tell=lambda _: None).entries)
    assert [entry.model for entry in found] == ["another", "reviews-a", "reviews-b", "reviews-c"]
    return found


def asked(entries: list[AuditEntry], most: int, **how: bool) -> list[str]:
    return [answer.entry.model for answer in ask(entries, most, **how) if answer.policy]


def test_the_first_get_a_run_each_and_never_a_second(
    cluster: Cluster, entries: list[AuditEntry]
) -> None:
    assert asked(entries, 2) == ["reviews-a", "reviews-b"]
    cluster.reconcile()
    started = {
        str(run["runtime_config"]["parameters"]["model"]) for run in cluster.kfp.runs.values()
    }
    assert started == {"models:/reviews-a/1", "models:/reviews-b/1"}
    assert asked(entries, 2) == ["reviews-c"]
    assert asked(entries, 2) == []
    cluster.reconcile()
    cluster.reconcile()
    assert len(cluster.names) == 3
    assert tags("reviews-c", "1")["status"] == "running"


def test_what_cannot_be_asked_for_says_why(cluster: Cluster, entries: list[AuditEntry]) -> None:
    ask(entries, 1)
    cluster.reconcile()
    client = connect()
    client.set_registered_model_alias("reviews-b", "candidate", "1")
    client.set_registered_model_tag("reviews-c", "mlflow.prompt.is_prompt", "true")
    unknown = entries[3].model_copy(update={"version": None})
    gone = entries[3].model_copy(update={"model": "reviews-gone"})
    client.create_registered_model("reviews-d'oh")
    client.create_model_version("reviews-d'oh", "s3://models/reviews")
    quote = entries[3].model_copy(update={"model": "reviews-d'oh"})
    lines = list(told(ask([*entries, unknown, gone, quote], 9)))
    assert lines[0].startswith("another/1 (champion): no run; no policy in ")
    assert lines[1] == "reviews-a/1 (champion): no run; the trigger has it already: running."
    assert lines[2] == "reviews-b/1 (champion): no run; it asks already."
    assert "a tag hides its model as a prompt, also from the trigger" in lines[3]
    assert "no registered version stands behind it" in lines[4]
    assert "reviews-gone" in lines[5]
    assert "holds a quote" in lines[6]
    assert len(lines) == 7


def test_what_a_gate_promoted_is_left_to_a_person(
    cluster: Cluster, entries: list[AuditEntry]
) -> None:
    client = connect()
    client.set_model_version_tag("reviews-a", "1", "leanstage.state", "promoted")
    client.set_model_version_tag("reviews-a", "1", "leanstage.source", "reviews/3")
    expired = entries[1].model_copy(update={"status": "justification-expired"})
    (answer,) = ask([expired], 1)
    assert "leanstage submit --param model=models:/reviews/3" in answer.why
    assert client.get_model_version("reviews-a", "1").tags.keys() == {
        "leanstage.state", "leanstage.source",
    }  # fmt: skip


def test_a_policy_without_data_starts_nothing(
    cluster: Cluster, entries: list[AuditEntry], policies: Any
) -> None:
    policies(train=None)
    answers = ask(entries, 1)
    assert [answer.policy for answer in answers] == [""] * 4
    assert "the policy 'reviews' names no train; set it there" in answers[1].why


def test_what_is_done_is_not_asked_for(cluster: Cluster, entries: list[AuditEntry]) -> None:
    done = [
        entries[1].model_copy(update={"status": "optimized"}),
        entries[2].model_copy(update={"status": "justified"}),
    ]
    assert ask(done, 5) == []
    assert ask(entries, 0) == []


def test_a_dry_run_changes_nothing(cluster: Cluster, entries: list[AuditEntry]) -> None:
    assert asked(entries, 2, write=False) == ["reviews-a", "reviews-b"]
    assert connect().get_model_version("reviews-a", "1").tags == {}
    cluster.reconcile()
    assert cluster.names == []


def test_a_registry_that_is_down_ends_it(
    cluster: Cluster, entries: list[AuditEntry], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(RegistryError, match="refused"):
        ask(entries, 1)
