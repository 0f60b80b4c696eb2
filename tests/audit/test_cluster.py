"""What a cluster serves, joined to a real registry; the cluster answers over HTTP."""

from collections.abc import Iterator
from pathlib import Path

import kubernetes_validate
import pytest
from kubernetes.config import incluster_config

from leanstage.audit import Sources, coverage_sentence, survey
from leanstage.contracts import Audit, AuditEntry
from leanstage.registry.versions import DIGEST_TAG
from tests.audit.conftest import SOON, Registry
from tests.audit.kubernetes_api import TOKEN, Kubernetes, kubeconfig, serving
from tests.audit.workloads import Object, deployment, model, service
from tests.certificates import certificate_in
from tests.crds import check_resource

pytestmark = pytest.mark.usefixtures("at_the_registry")

GPU = {"resources": {"limits": {"nvidia.com/gpu": "2", "cpu": "4"}}}
ROLLOUT = {
    "components": {
        "predictor": {
            "latestCreatedRevision": "rolling-predictor-00002",
            "traffic": [
                {"revisionName": "rolling-predictor-00002", "percent": 10, "latestRevision": True},
                {"revisionName": "rolling-predictor-00001", "percent": 90},
            ],
        }
    }
}


def workloads(registry: Registry) -> list[Object]:
    """Whatever a namespace may hold."""

    def digest(name: str, version: str) -> str:
        return str(registry.client.get_model_version(name, version).tags[DIGEST_TAG])

    logged = registry.client.get_model_version("classic", "1").run_id
    stored = registry.client.get_model_version("hidden", "1").source.rpartition("/")[2]
    return [
        service("lean", model(f"s3://models/sha256-{digest('lean', '1')}/", **GPU)),
        service("hidden", model(f"s3://mlflow/1/models/{stored}/artifacts")),
        service("old", model(f"leanstage://moved@{digest('moved', '1')}")),
        service("legacy", {"sklearn": {"storageUri": "gs://bucket/model?token=secret"}}),
        service("chat", {"model": {"modelFormat": {"name": "huggingface"},
                                   "args": ["--model_id=org/chat"]}}),
        service("own", {"containers": [{"name": "k", "image": "own/image",
                                        "command": ["vllm", "serve", "/mnt/models"]}]}),
        service("rolling", {**model("models:/kept/1"), "canaryTrafficPercent": 10}, status=ROLLOUT),
        service("classic", model(f"s3://mlflow/7/{logged}/artifacts/model/")),
        service("gone", model("models:/lean/99")),
        service("vanished", model("models:/nobody@champion")),
        service("meant", model("s3://elsewhere/lean"), annotations={"leanstage.io/model": "lean"}),
        service("disputed", model("s3://rogue/model"),
                annotations={"leanstage.io/storage": "models:/lean@champion"}),
        service("crossed", model("models:/resting/1"), annotations={"leanstage.io/model": "lean"}),
        deployment("by-alias", {"image": "own/mlflow", "args": [
            "mlflow", "models", "serve", "-m", "models:/tiny@production"]}),
        deployment("triton", {"image": "nvidia/tritonserver:1", "args": [
            "--model-repository", "/models"]}, kind="StatefulSet", replicas=3),
        deployment("fetching", {"image": "pytorch/torchserve"}, init={
            "image": "kserve/storage-initializer:v0.15", "args": ["hf://org/other", "/mnt"]}),
        deployment("hinted", {"image": "own/image"},
                   annotations={"leanstage.io/storage": "hf://org/hinted"}),
        deployment("lean-predictor", {"image": "vllm/vllm-openai", "args": ["--model", "a/b"]},
                   labels={"serving.kserve.io/inferenceservice": "lean"}),
        deployment("mislabelled", {"image": "vllm/vllm-openai", "args": ["--model", "a/b"]},
                   labels={"serving.kserve.io/inferenceservice": "nobody"}),
        deployment("passed-by", {"image": "vllm/vllm-openai", "args": ["--model", "a/b"]},
                   annotations={"leanstage.io/audit": "ignore"}),
        deployment("nginx", {"image": "nginx"}),
    ]  # fmt: skip


@pytest.fixture
def cluster(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Kubernetes]:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with serving(Kubernetes(workloads(registry))) as found:
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path / "config", found.uri)))
        yield found


def taken(*namespaces: str) -> Audit:
    sources = Sources(cluster=True, namespaces=namespaces)
    return survey(["production"], lambda _: None, now=SOON, sources=sources)


def entry(audit: Audit, workload: str) -> AuditEntry:
    """The entry that a workload stands in."""
    (found,) = (
        each
        for each in audit.entries
        if any(one.name == workload for one in each.served_by) and "earlier" not in each.model
    )
    return found


def test_the_objects_are_ones_that_a_cluster_takes(registry: Registry) -> None:
    for found in workloads(registry):
        if found["kind"] == "InferenceService":
            check_resource(found)
        else:
            kubernetes_validate.validate(found, "1.33", strict=True)


def test_workloads_stand_with_the_versions_that_they_serve(cluster: Kubernetes) -> None:
    audit = taken()
    found = {
        name: (entry(audit, name).model, entry(audit, name).version, entry(audit, name).status)
        for name in ("lean", "hidden", "old", "rolling", "by-alias", "classic")
    }
    assert found == {
        "lean": ("lean", "1", "optimized"),
        "hidden": ("hidden", "1", "optimized"),
        "old": ("moved", "1", "drifted"),
        "rolling": ("kept", "1", "justified"),
        "by-alias": ("tiny", "1", "never-evaluated"),
        "classic": ("classic", "1", "never-evaluated"),
    }
    assert entry(audit, "lean").served_by[0].accelerators == 2
    assert audit.cluster == cluster.uri


def test_what_no_registry_knows_is_an_entry_of_its_own(cluster: Kubernetes) -> None:
    audit = taken()
    found = {
        each.model.removeprefix("team-a/"): (each.status, each.served_by[0].storage)
        for each in audit.entries
        if each.version is None
    }
    assert found == {
        "gone": ("unverifiable", "models:/lean/99"),
        "vanished": ("unverifiable", "models:/nobody@champion"),
        "legacy": ("never-evaluated", "gs://bucket/model"),
        "chat": ("never-evaluated", "hf://org/chat"),
        "own": ("unverifiable", "/mnt/models"),
        "rolling (earlier revision)": ("unverifiable", None),
        "meant": ("drifted", "s3://elsewhere/lean"),
        "crossed": ("drifted", "models:/resting/1"),
        "disputed": ("unverifiable", "s3://rogue/model"),
        "mislabelled": ("never-evaluated", "hf://a/b"),
        "triton": ("unverifiable", "/models"),
        "fetching": ("never-evaluated", "hf://org/other"),
        "hinted": ("never-evaluated", "hf://org/hinted"),
    }
    assert "whose champion is version 1" in entry(audit, "meant").reason
    assert "annotation leanstage.io/storage from models:/lean@champion" in (
        entry(audit, "disputed").reason
    )
    assert entry(audit, "triton").served_by[0].replicas == 3
    assert entry(audit, "legacy").age_days == pytest.approx(
        (SOON.timestamp() - 1767225600) / 86400, abs=1
    )
    (earlier,) = (each for each in audit.entries if "earlier" in each.model)
    assert "90% of the requests" in earlier.reason
    assert earlier.served_by[0].share_percent == 90
    assert "secret" not in audit.model_dump_json()


def test_what_is_annotated_to_serve_nothing_is_told(cluster: Kubernetes) -> None:
    (note,) = (each for each in taken().notes if "leanstage.io/audit" in each)
    assert "1 that look as if they served a model, Deployment team-a/passed-by." in note


def test_an_older_version_behind_the_alias_and_on_the_cluster_has_drifted(
    cluster: Kubernetes,
) -> None:
    assert entry(taken(), "old").reason.startswith("champion points at version 1, and the gate")


def test_long_lists_come_in_pages_and_begin_anew_where_one_expired(cluster: Kubernetes) -> None:
    whole = taken()
    cluster.requests.clear()
    cluster.page, cluster.expire = 2, 1
    assert taken().entries == whole.entries
    asked = [line for line in cluster.requests if "inferenceservices" in line]
    assert len(asked) == 2 + 7


def test_one_object_that_is_no_object_stops_nobody(cluster: Kubernetes) -> None:
    cluster.objects[0]["spec"] = {"predictor": {"model": {}, "canaryTrafficPercent": "many"}}
    audit = taken()
    assert "Of the inferenceservices, lean cannot be read" in audit.problems[0]
    assert entry(audit, "hidden").status == "optimized"
    assert not audit.complete


def test_what_may_not_be_listed_makes_the_audit_incomplete(cluster: Kubernetes) -> None:
    cluster.forbidden = {"deployments"}
    audit = taken()
    (problem,) = audit.problems
    assert "refused to list deployments in all namespaces (403 Forbidden)" in problem
    assert entry(audit, "triton").status == "unverifiable"
    assert not audit.complete
    assert "could not be read" in coverage_sentence(audit)


def test_a_right_in_one_namespace_is_enough_for_it(cluster: Kubernetes) -> None:
    cluster.forbidden = {"deployments", "deployments@team-a"}
    audit = taken("team-a", "team-b")
    assert entry(audit, "fetching").status == "never-evaluated"
    (problem,) = audit.problems
    assert "in the namespace team-b" in problem


def test_without_kserve_the_rest_is_read(cluster: Kubernetes) -> None:
    cluster.served.pop("serving.kserve.io")
    audit = taken("team-a", "team-b")
    assert audit.problems == ()
    assert [note for note in audit.notes if "no KServe there" in note]
    assert entry(audit, "fetching").status == "never-evaluated"


@pytest.mark.parametrize("raw", [b"<html>", b"[]", b'{"items": null}'])
def test_an_answer_that_is_no_list_is_a_problem(cluster: Kubernetes, raw: bytes) -> None:
    cluster.raw = raw
    audit = taken()
    assert audit.problems
    assert all(cluster.uri in problem for problem in audit.problems)
    assert not audit.complete


def test_a_cluster_that_cannot_be_reached_is_one_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = kubeconfig(tmp_path / "config", "http://127.0.0.1:9")
    monkeypatch.setenv("KUBECONFIG", str(path))
    audit = taken()
    (problem,) = audit.problems
    assert "http://127.0.0.1:9 cannot be reached for its inferenceservices ([Errno 111]" in problem
    assert not any(each.served_by for each in audit.entries)


def test_without_a_cluster_it_is_said_and_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    # A pod that was given no token knows where the API is all the same.
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("HOME", str(tmp_path))
    audit = taken()
    assert audit.problems == ()
    assert "No cluster was read" in audit.notes[0]


def test_a_pod_asks_by_the_token_and_authority_of_its_account(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = tmp_path / "token"
    token.write_text(TOKEN)
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(token))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(tmp_path / "ca.pem"))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    with serving(Kubernetes(workloads(registry)), certificate_in(tmp_path)) as found:
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", found.uri.rpartition(":")[2])
        audit = taken()
        assert audit.cluster == found.uri
        assert audit.problems == ()
        assert entry(audit, "lean").status == "optimized"
        token.write_text("of another account")
        assert "(401 Unauthorized)" in taken().problems[0]


@pytest.mark.parametrize(
    "text", [None, "", "clusters: [", "kind: Config", "[]", "foo", "clusters: 3"]
)
def test_a_configuration_that_cannot_be_read_is_a_problem(
    text: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    if text is not None:
        (tmp_path / "config").write_text(text)
    (problem,) = taken().problems
    assert problem.startswith("The configuration of the cluster cannot be read")
