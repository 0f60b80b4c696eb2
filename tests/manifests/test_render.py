"""Every overlay renders, and what is set in one place arrives wherever it is repeated."""

from pathlib import Path

import pytest

from leanstage import __version__
from tests.manifests.conftest import AS_OBJECTS, Rendered, copied
from tests.manifests.kustomize import Object, kinds, named, render, templates


def test_nothing_stands_twice_and_namespaces_come_first(everything: list[Object]) -> None:
    keys = [
        (found["kind"], found["metadata"].get("namespace"), found["metadata"]["name"])
        for found in everything
    ]
    assert len(keys) == len(set(keys))
    last = max((i for i, key in enumerate(keys) if key[0] == "Namespace"), default=-1)
    assert last + 1 == len(kinds(everything, "Namespace"))


def test_every_object_lies_in_a_namespace_that_is_ours_or_the_installers(
    overlay: str, objects: list[Object]
) -> None:
    within = {found["metadata"].get("namespace") for found in objects} - {None}
    assert within == {"standalone": {"kubeflow"}, "multi-user": {"leanstage", "team-a"}}[overlay]
    made = {found["metadata"]["name"] for found in kinds(objects, "Namespace")}
    assert made == {"standalone": set(), "multi-user": {"leanstage"}}[overlay]
    cluster_wide = {found["kind"] for found in objects if "namespace" not in found["metadata"]}
    assert cluster_wide <= {"Namespace", "ClusterRole", "ClusterRoleBinding"}


def test_our_namespace_says_what_it_admits_and_is_known_to_kubeflow(rendered: Rendered) -> None:
    labels = named(rendered("multi-user"), "Namespace", "leanstage")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "baseline"
    assert labels["pod-security.kubernetes.io/warn"] == "restricted"
    assert labels["pipelines.kubeflow.org/enabled"] == "true"
    assert labels["app.kubernetes.io/part-of"] == "kubeflow-profile"


def test_one_trigger_never_two(objects: list[Object]) -> None:
    spec = named(objects, "Deployment", "leanstage-trigger")["spec"]
    assert spec["replicas"] == 1
    assert spec["strategy"] == {"type": "Recreate"}


def test_the_job_has_a_name_of_this_version(objects: list[Object]) -> None:
    (job,) = kinds(objects, "Job")
    assert job["metadata"]["name"] == f"leanstage-upload-{__version__.replace('.', '-')}"


def test_where_pipelines_are_objects_no_job_uploads_them(everything: list[Object]) -> None:
    as_objects = kinds(everything, "Pipeline")
    assert bool(as_objects) != bool(kinds(everything, "Job"))
    if as_objects:
        versions = kinds(everything, "PipelineVersion")
        assert sorted(found["spec"]["pipelineName"] for found in versions) == sorted(
            found["metadata"]["name"] for found in as_objects
        )


def test_pipelines_as_objects_lie_where_they_are_run(rendered: Rendered) -> None:
    for overlay, place in {"standalone": "kubeflow", "multi-user": "team-a"}.items():
        found = kinds(rendered(overlay + AS_OBJECTS), "Pipeline", "PipelineVersion")
        assert {each["metadata"]["namespace"] for each in found} == {place}


def test_settings_arrive_wherever_they_are_repeated(tmp_path: Path) -> None:
    copy = copied(tmp_path) / "overlays/multi-user"
    _set(
        copy / "settings.yaml",
        LEANSTAGE_REGISTRY="registry.corp:5000/ml",
        LEANSTAGE_TAG="0.1.0-rc1",
        LEANSTAGE_TRIGGER_NAMESPACE="team-b",
        LEANSTAGE_TRIGGER_RUN_EXPERIMENTS="b",
        MLFLOW_TRACKING_URI="https://mlflow.tracking.svc:8443",
    )
    _set(
        copy / "cluster.yaml",
        **{"mlflow-namespace": "tracking", "mlflow-port": '"8443"', "monitoring-namespace": "prom"},
    )
    objects = render(copy)
    images = {
        container["image"]
        for template in templates(objects).values()
        for container in template["spec"]["containers"]
    }
    assert images == {"registry.corp:5000/ml/leanstage-control:0.1.0-rc1"}
    within = {found["metadata"].get("namespace") for found in objects}
    assert within == {None, "leanstage", "team-b"}
    settings = named(objects, "ConfigMap", "leanstage-settings", "team-b")
    assert settings["data"] == {
        "MLFLOW_TRACKING_URI": "https://mlflow.tracking.svc:8443",
        "MLFLOW_EXPERIMENT_NAME": "b",
    }
    policy = named(objects, "NetworkPolicy", "leanstage-trigger")["spec"]
    webhooks, metrics = policy["ingress"]
    assert _namespace(webhooks["from"]) == "tracking"
    assert _namespace(metrics["from"]) == "prom"
    audit = named(objects, "NetworkPolicy", "leanstage-audit")["spec"]
    for egress in (policy["egress"], audit["egress"]):
        assert _namespace(egress[1]["to"]) == "tracking"
        assert egress[1]["ports"] == [{"port": 8443}]


def test_a_component_that_was_not_compiled_says_so(tmp_path: Path) -> None:
    copy = copied(tmp_path)
    kustomization = copy / "overlays/standalone/kustomization.yaml"
    kustomization.write_text(kustomization.read_text().replace("pipelines-upload", "pipelines-crd"))
    with pytest.raises(AssertionError, match=r"manifests/deploy\.yaml"):
        render(kustomization.parent)


def _namespace(peers: list[Object]) -> str:
    (peer,) = peers
    return str(peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"])


def _set(path: Path, **values: str) -> None:
    lines = path.read_text().splitlines()
    for name, value in values.items():
        (at,) = (i for i, line in enumerate(lines) if line.strip().startswith(f"{name}:"))
        lines[at] = f"{lines[at].partition(':')[0]}: {value}"
    path.write_text("\n".join(lines) + "\n")
