"""What the manifests name is there: images, settings, accounts, secrets, files, variables."""

import re
from collections.abc import Iterator
from pathlib import Path

from leanstage import __version__
from tests.manifests.kustomize import (
    MANIFESTS,
    Object,
    containers,
    kinds,
    named,
    templates,
)
from tests.manifests.reads import variables

ROOT = Path(__file__).parents[2]
INSTALL = MANIFESTS / "README.md"


def test_every_image_is_built_here_and_carries_the_version(everything: list[Object]) -> None:
    built = {path.parent.name for path in (ROOT / "images").glob("*/Dockerfile")}
    assert built
    allowed = {f"leanstage/leanstage-{name}:{__version__}" for name in built}
    for template in templates(everything).values():
        assert {container["image"] for container in containers(template["spec"])} <= allowed
    for version in kinds(everything, "PipelineVersion"):
        executors = version["spec"]["pipelineSpec"]["deploymentSpec"]["executors"].values()
        assert {executor["container"]["image"] for executor in executors} <= allowed


def test_every_name_is_in_the_overlay_or_on_the_list_of_the_installer(
    objects: list[Object],
) -> None:
    brought = set(re.findall(r"create (secret generic|configmap) (leanstage-[a-z-]+)", _install()))
    assert ("secret generic", "leanstage-mlflow") in brought
    wanted: set[tuple[str, str]] = set()
    for template in templates(objects).values():
        wanted |= set(_references(template["spec"]))
    assert wanted >= {("ConfigMap", "leanstage-policies"), ("Secret", "leanstage-webhook")}
    kind_of = {"secret generic": "Secret", "configmap": "ConfigMap"}
    given = {(kind_of[kind], name) for kind, name in brought}
    there = {(found["kind"], found["metadata"]["name"]) for found in objects}
    assert wanted <= there | given
    # Nothing secret is ever shipped.
    assert kinds(objects, "Secret") == []


def test_what_tasks_mount_is_there_or_on_the_list(objects: list[Object]) -> None:
    from leanstage.pipelines import Platform

    platform = Platform()
    assert platform.settings is not None
    assert platform.mlflow is not None
    assert platform.object_store is not None
    there = {found["metadata"]["name"] for found in kinds(objects, "ConfigMap")}
    assert {platform.settings.name, platform.policies} <= there
    for name in (platform.mlflow.name, platform.object_store.name, platform.key):
        assert f"create secret generic {name}" in _install()
    assert f"create configmap {platform.trust}" in _install()


def test_a_mounted_file_is_a_key_of_what_is_mounted(objects: list[Object]) -> None:
    """Paths in variables lie below a mount, and name a file that is there."""
    for template in templates(objects).values():
        pod = template["spec"]
        for container in containers(pod):
            paths = [
                each["value"] for each in container.get("env", [])
                if each.get("value", "").startswith("/etc/")
            ]  # fmt: skip
            assert paths
            for path in paths:
                mount, name = _mounted(path, container, pod)
                rest = path.removeprefix(mount).strip("/")
                assert not rest or rest in _map(objects, name)["data"]


def test_every_variable_is_one_that_the_code_reads(objects: list[Object]) -> None:
    read = variables()
    for template in templates(objects).values():
        for container in containers(template["spec"]):
            assert {each["name"] for each in container.get("env", [])} <= read
    settings = [
        found
        for found in kinds(objects, "ConfigMap")
        if found["metadata"]["name"] == "leanstage-settings"
    ]
    assert settings
    for found in settings:
        assert set(found["data"]) <= read
    assert "LEANSTAGE_UNHEARD_OF" not in read


def test_a_keys_name_is_the_one_that_the_installer_is_told(objects: list[Object]) -> None:
    for template in templates(objects).values():
        for container in containers(template["spec"]):
            for each in container.get("env", []):
                if (secret := each.get("valueFrom", {}).get("secretKeyRef")) is not None:
                    told = _command(secret["name"])
                    assert f"{secret['key']}=" in told


def _install() -> str:
    return INSTALL.read_text(encoding="utf-8")


def _command(secret: str) -> str:
    """The command that makes a Secret, its continued lines included."""
    text = _install().replace("\\\n", " ")
    return next(line for line in text.splitlines() if f"create secret generic {secret} " in line)


def _mounted(path: str, container: Object, pod: Object) -> tuple[str, str]:
    mount = next(each for each in container["volumeMounts"] if path.startswith(each["mountPath"]))
    volume = next(each for each in pod["volumes"] if each["name"] == mount["name"])
    return mount["mountPath"], volume["configMap"]["name"]


def _map(objects: list[Object], name: str) -> Object:
    place = named(objects, "Deployment", "leanstage-trigger")["metadata"]["namespace"]
    return named(objects, "ConfigMap", name, place)


def _references(pod: Object) -> Iterator[tuple[str, str]]:
    yield "ServiceAccount", pod["serviceAccountName"]
    for volume in pod["volumes"]:
        if "configMap" in volume:
            yield "ConfigMap", volume["configMap"]["name"]
        if "secret" in volume:
            yield "Secret", volume["secret"]["secretName"]
    for container in containers(pod):
        for source in container.get("envFrom", []):
            for key, kind in {"configMapRef": "ConfigMap", "secretRef": "Secret"}.items():
                if key in source:
                    yield kind, source[key]["name"]
        for variable in container.get("env", []):
            source = variable.get("valueFrom", {})
            for key, kind in {"configMapKeyRef": "ConfigMap", "secretKeyRef": "Secret"}.items():
                if key in source:
                    yield kind, source[key]["name"]
