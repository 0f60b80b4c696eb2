"""Rules of Kubernetes held against what the code calls: all that is needed, and nothing else."""

from pathlib import Path
from typing import Any

import pytest

from leanstage.audit import cluster
from leanstage.calibrate.nodes import labels_here
from leanstage.runner.kfp_client import Connection, Kubeflow
from leanstage.trigger.backends import Job
from leanstage.trigger.backends.kfp import KfpBackend
from tests.calibrate.nodes_api import XEON, Nodes, kubeconfig, node, serving
from tests.kfp_state import KfpServer
from tests.manifests.calls import (
    RULES,
    Rule,
    importers,
    rules_of_submit,
    rules_of_trigger,
    rules_of_upload,
)
from tests.manifests.conftest import Rendered
from tests.manifests.kustomize import Object, kinds, named

GROUP = "pipelines.kubeflow.org"
OF_A_TASK = {
    ("argoproj.io", "workflowtaskresults", "", "create"),
    ("argoproj.io", "workflowtaskresults", "", "patch"),
    ("", "configmaps", "kfp-launcher", "get"),
    ("", "secrets", "mlpipeline-minio-artifact", "get"),
}
"""What Kubeflow Pipelines and Argo do in the pod of a task, in the name of the run's account."""
REQUESTS = {
    "GET /experiments": ("experiments", "list"),
    "POST /experiments": ("experiments", "create"),
    "GET /runs": ("runs", "list"),
    "POST /runs": ("runs", "create"),
}


def granted(objects: list[Object], account: str, namespace: str) -> set[tuple[str, str, str, str]]:
    """(group, resource, name of the object, verb) that an account may in a namespace."""
    found = set()
    for binding in kinds(objects, "RoleBinding"):
        subjects = {(each["kind"], each["name"]) for each in binding["subjects"]}
        if binding["metadata"]["namespace"] != namespace:
            continue
        if ("ServiceAccount", account) not in subjects:
            continue
        role = named(objects, "Role", binding["roleRef"]["name"], namespace)
        for rule in role["rules"]:
            found |= {
                (group, resource, name, verb)
                for group in rule["apiGroups"]
                for resource in rule["resources"]
                for name in rule.get("resourceNames", [""])
                for verb in rule["verbs"]
            }
    return found


def in_pipelines(rules: set[Rule]) -> set[tuple[str, str, str, str]]:
    return {(GROUP, resource, "", verb) for resource, verb in rules}


def test_the_trigger_may_what_it_does_where_its_runs_are(rendered: Rendered) -> None:
    objects = rendered("multi-user")
    settings = named(objects, "ConfigMap", "leanstage-settings", "leanstage")["data"]
    places = {
        settings["LEANSTAGE_TRIGGER_NAMESPACE"],
        settings["LEANSTAGE_TRIGGER_GATE_NAMESPACE"],
    }
    assert len(places) == 2
    needed = in_pipelines(rules_of_trigger())
    assert needed
    for place in places:
        assert granted(objects, "leanstage-trigger", place) == needed
    elsewhere = {found["metadata"]["namespace"] for found in kinds(objects, "RoleBinding")} - places
    assert elsewhere == set()


def test_submitting_needs_what_the_page_on_operating_names() -> None:
    assert rules_of_submit() == {
        ("runs", "create"), ("runs", "get"), ("runs", "list"),
        ("experiments", "create"), ("experiments", "list"),
    }  # fmt: skip


def test_without_users_kubeflow_checks_nothing_so_nothing_is_granted(rendered: Rendered) -> None:
    objects = rendered("standalone")
    for account in ("leanstage-trigger", "leanstage-upload"):
        assert granted(objects, account, "kubeflow") == set()


def test_the_upload_shares_pipelines_for_which_nothing_is_checked(
    overlay: str, objects: list[Object]
) -> None:
    # In a namespace of its own it would need these.
    assert rules_of_upload() == {("pipelines", "create"), ("pipelines", "list")}
    settings = {
        key
        for found in kinds(objects, "ConfigMap")
        if found["metadata"]["name"] == "leanstage-settings"
        for key in found["data"]
    }
    assert "LEANSTAGE_KFP_NAMESPACE" not in settings
    (job,) = kinds(objects, "Job")
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert container["command"] == ["leanstage", "upload"]
    for place in ("kubeflow", "leanstage", "team-a"):
        assert granted(objects, "leanstage-upload", place) == set()


def test_the_gate_may_what_the_pod_of_a_task_does(overlay: str, objects: list[Object]) -> None:
    place = {"standalone": "kubeflow", "multi-user": "leanstage"}[overlay]
    assert granted(objects, "leanstage-gate", place) == OF_A_TASK


def test_the_audit_may_list_what_it_reads_and_nothing_else(objects: list[Object]) -> None:
    for place in ("kubeflow", "leanstage", "team-a"):
        assert granted(objects, "leanstage-audit", place) == set()
    (binding,) = (
        found
        for found in kinds(objects, "ClusterRoleBinding")
        if found["metadata"]["name"] == "leanstage-audit"
    )
    (subject,) = binding["subjects"]
    account = named(objects, "ServiceAccount", "leanstage-audit")
    assert (subject["name"], subject["namespace"]) == (
        "leanstage-audit", account["metadata"]["namespace"],
    )  # fmt: skip
    role = named(objects, binding["roleRef"]["kind"], binding["roleRef"]["name"])
    rules = {
        (group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    assert rules == {(kind.group, kind.plural, "list") for kind in cluster.KINDS}


def test_the_gates_account_may_get_a_node_and_nothing_else_of_the_cluster(
    objects: list[Object],
) -> None:
    bindings = [
        found
        for found in kinds(objects, "ClusterRoleBinding")
        if "leanstage-gate" in {subject["name"] for subject in found["subjects"]}
    ]
    (binding,) = bindings
    (subject,) = binding["subjects"]
    account = named(objects, "ServiceAccount", "leanstage-gate")
    assert subject["namespace"] == account["metadata"]["namespace"]
    (rule,) = named(objects, "ClusterRole", binding["roleRef"]["name"])["rules"]
    assert rule == {"apiGroups": [""], "resources": ["nodes"], "verbs": ["get"]}


def test_a_calibration_asks_for_the_node_that_it_is_on_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(Nodes([node("a", XEON)])) as state:
        config = str(kubeconfig(tmp_path / "kubeconfig", state.uri))
        monkeypatch.setenv("KUBECONFIG", config)
        monkeypatch.setenv("NODE_NAME", "a")
        assert labels_here()
    assert state.requests == ["/api/v1/nodes/a"]


def test_the_kubernetes_api_is_asked_in_few_places() -> None:
    asking = importers("kubernetes", "kubernetes_asyncio", "kr8s", "lightkube", "pykube")
    assert asking == {
        "cluster.py", "audit/cluster.py", "calibrate/nodes.py", "delivery/kserve.py",
        # Quantities alone.
        "delivery/service.py",
    }  # fmt: skip


def test_pipelines_are_asked_in_one_place() -> None:
    speaking = importers("kfp.client", "kfp_server_api")
    assert speaking == {
        "runner/kfp_client.py", "runner/kfp_connection.py", "runner/upload.py",
    }  # fmt: skip


def test_every_role_is_bound_and_every_account_is_there(objects: list[Object]) -> None:
    whole = {found["metadata"]["name"] for found in kinds(objects, "ClusterRole")}
    everywhere = kinds(objects, "ClusterRoleBinding")
    assert whole == {found["roleRef"]["name"] for found in everywhere}
    roles = {
        (found["metadata"]["namespace"], found["metadata"]["name"])
        for found in kinds(objects, "Role")
    }
    accounts = {
        (found["metadata"]["namespace"], found["metadata"]["name"])
        for found in kinds(objects, "ServiceAccount")
    }
    bound = set()
    for binding in everywhere:
        for subject in binding["subjects"]:
            assert (subject["namespace"], subject["name"]) in accounts
    for binding in kinds(objects, "RoleBinding"):
        assert binding["roleRef"]["kind"] == "Role"
        bound.add((binding["metadata"]["namespace"], binding["roleRef"]["name"]))
        for subject in binding["subjects"]:
            assert subject["kind"] == "ServiceAccount"
            assert (subject["namespace"], subject["name"]) in accounts
    assert roles == bound


def test_no_rule_has_a_wildcard(objects: list[Object]) -> None:
    for role in kinds(objects, "Role", "ClusterRole"):
        for rule in role["rules"]:
            assert "nonResourceURLs" not in rule
            words = [*rule["apiGroups"], *rule["resources"], *rule["verbs"]]
            assert not [word for word in words if "*" in word]


def test_what_is_read_from_the_source_is_what_goes_over_the_wire(
    kfp_server: KfpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    kfp_server.multi_user = True
    reached: Any = {
        "user": Kubeflow(Connection(host=kfp_server.uri, namespace="team-a")),
        "gate": Kubeflow(Connection(host=kfp_server.uri, namespace="leanstage")),
    }
    backend = KfpBackend(reached, experiment="leanstage", service_accounts={"user": "", "gate": ""})
    backend.active()
    backend.find(["leanstage-reviews-v1-00000000-000000-a1"])
    backend.create(Job("a-run", "rejudge", {"run_id": "1"}, place="gate"))
    asked = {line.partition("?")[0] for line in kfp_server.requests}
    assert {REQUESTS[line] for line in asked} == rules_of_trigger()


def test_the_table_knows_only_calls_that_there_are() -> None:
    import kfp_server_api

    there = {
        name
        for kind in dir(kfp_server_api)
        if kind.endswith("ServiceApi")
        for name in dir(getattr(kfp_server_api, kind))
    }
    assert set(RULES) <= there
