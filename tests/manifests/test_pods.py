"""Every pod of ours meets `restricted`, and what we ask of it beyond that."""

import copy
from collections.abc import Callable

import pytest
from kfp.client import KF_PIPELINES_SA_TOKEN_PATH

from tests.manifests.kustomize import Object, containers, kinds, named, speaking, templates
from tests.manifests.restricted import violations


def test_every_pod_meets_the_standard(objects: list[Object]) -> None:
    pods = templates(objects)
    assert set(pods) >= {"leanstage-trigger"}
    makers = {
        found["kind"]
        for found in objects
        if {"template", "jobTemplate"} & set(found.get("spec", {}))
    }
    assert makers <= {"Deployment", "Job", "CronJob"}
    for name, template in pods.items():
        assert violations(template["spec"]) == [], name


BROKEN: dict[str, Callable[[Object, Object], object]] = {
    "hostNetwork": lambda pod, _: pod.update(hostNetwork=True),
    "volume host": lambda pod, _: pod["volumes"].append({"name": "host", "hostPath": {}}),
    "sysctl kernel.msgmax": lambda pod, _: pod["securityContext"].update(
        sysctls=[{"name": "kernel.msgmax", "value": "1"}]
    ),
    "runAsUser": lambda pod, _: pod["securityContext"].update(runAsUser=0),
    "trigger: runAsNonRoot": lambda pod, _: pod["securityContext"].pop("runAsNonRoot"),
    "trigger: seccompProfile": lambda pod, _: pod["securityContext"].pop("seccompProfile"),
    "trigger: hostPort": lambda _, one: one["ports"][0].update(hostPort=80),
    "trigger: privileged": lambda _, one: one["securityContext"].update(privileged=True),
    "trigger: allowPrivilegeEscalation": lambda _, one: one["securityContext"].pop(
        "allowPrivilegeEscalation"
    ),
    "trigger: procMount": lambda _, one: one["securityContext"].update(procMount="Unmasked"),
    "trigger: capabilities are kept": lambda _, one: one["securityContext"].pop("capabilities"),
    "trigger: capabilities are added": lambda _, one: one["securityContext"]["capabilities"].update(
        add=["SYS_ADMIN"]
    ),
    "trigger: hostProcess": lambda _, one: one["securityContext"].update(
        windowsOptions={"hostProcess": True}
    ),
    "trigger: appArmorProfile": lambda _, one: one["securityContext"].update(
        appArmorProfile={"type": "Unconfined"}
    ),
    "trigger: seLinuxOptions": lambda _, one: one["securityContext"].update(
        seLinuxOptions={"type": "spc_t"}
    ),
}


@pytest.mark.parametrize("rule", BROKEN)
def test_the_check_finds_what_breaks_the_standard(objects: list[Object], rule: str) -> None:
    pod = copy.deepcopy(templates(objects)["leanstage-trigger"]["spec"])
    BROKEN[rule](pod, pod["containers"][0])
    assert violations(pod) == [rule]


def test_every_pod_is_a_number_that_writes_to_tmp_alone(objects: list[Object]) -> None:
    for template in templates(objects).values():
        pod = template["spec"]
        context = pod["securityContext"]
        assert {context["runAsUser"], context["runAsGroup"], context["fsGroup"]} == {65532}
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        assert volumes["tmp"]["emptyDir"]["sizeLimit"]
        for container in containers(pod):
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
            writable = {m["mountPath"] for m in container["volumeMounts"] if not m.get("readOnly")}
            assert writable == {"/tmp"}


def test_every_container_says_what_it_needs_and_what_it_may_take(objects: list[Object]) -> None:
    for template in templates(objects).values():
        for container in containers(template["spec"]):
            for bound in ("requests", "limits"):
                assert set(container["resources"][bound]) == {"cpu", "memory"}


def test_only_the_audit_holds_a_token_for_the_kubernetes_api(objects: list[Object]) -> None:
    holding = {
        name
        for name, template in templates(objects).items()
        if template["spec"]["automountServiceAccountToken"] is not False
    }
    assert holding == {"leanstage-audit"}
    # The gate's account is for pods that Kubeflow Pipelines makes, and they do ask it.
    kept = {
        account["metadata"]["name"]
        for account in kinds(objects, "ServiceAccount")
        if account.get("automountServiceAccountToken") is not False
    }
    assert kept == {"leanstage-gate"}


def test_only_with_users_a_pod_holds_a_token_and_it_is_for_pipelines(
    overlay: str, objects: list[Object]
) -> None:
    audit = templates(objects)["leanstage-audit"]["spec"]
    assert not any("projected" in volume for volume in audit["volumes"])
    for template in speaking(objects).values():
        pod = template["spec"]
        tokens = {
            source["serviceAccountToken"]["audience"]: volume["name"]
            for volume in pod["volumes"]
            for source in volume.get("projected", {}).get("sources", [])
        }
        if overlay == "standalone":
            assert tokens == {}
            continue
        assert set(tokens) == {"pipelines.kubeflow.org"}
        (mount,) = (
            mount
            for mount in pod["containers"][0]["volumeMounts"]
            if mount["name"] == tokens["pipelines.kubeflow.org"]
        )
        assert f"{mount['mountPath']}/token" == KF_PIPELINES_SA_TOKEN_PATH
        assert mount["readOnly"] is True


def test_audits_are_one_at_a_time_and_leave_few_jobs_behind(objects: list[Object]) -> None:
    spec = named(objects, "CronJob", "leanstage-audit")["spec"]
    assert spec["concurrencyPolicy"] == "Forbid"
    assert spec["successfulJobsHistoryLimit"] == spec["failedJobsHistoryLimit"] == 3
    minute, hour, day, month, weekday = spec["schedule"].split()
    assert (day, month) == ("*", "*")
    assert minute.isdigit()
    assert hour.isdigit()
    assert weekday.isdigit()
