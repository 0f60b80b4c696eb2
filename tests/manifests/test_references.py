"""What the manifests name is there: images, settings, accounts, ports, variables, commands."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import typer.main
from fastapi.routing import APIRoute

from leanstage import __version__
from leanstage.cli import app
from leanstage.trigger.app import make_app
from leanstage.trigger.settings import Settings
from tests.manifests.kustomize import (
    MANIFESTS,
    Object,
    containers,
    kinds,
    named,
    settings_of,
    templates,
)
from tests.manifests.reads import settings_of_trigger, variables

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
                mount, maps = _mounted(path, container, pod, objects)
                rest = path.removeprefix(mount).strip("/")
                assert not rest or rest in maps["data"]


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


def test_every_setting_of_the_trigger_is_documented() -> None:
    documented = (ROOT / "docs/trigger.md").read_text(encoding="utf-8")
    missing = {name for name in settings_of_trigger() if name not in documented}
    assert missing == set()


def test_the_settings_are_such_as_the_trigger_takes(objects: list[Object]) -> None:
    data = settings_of(objects)
    given = {name.lower(): value for name, value in data.items() if name in settings_of_trigger()}
    fields = {name.removeprefix("leanstage_trigger_"): value for name, value in given.items()}
    settings = Settings(**cast(Any, fields))
    assert {name: getattr(settings, name) for name in fields} == fields


def test_ports_and_paths_are_those_of_the_service(objects: list[Object]) -> None:
    settings = Settings()
    assert settings.host == "0.0.0.0"
    deployment = named(objects, "Deployment", "leanstage-trigger")
    template = deployment["spec"]["template"]
    (container,) = template["spec"]["containers"]
    assert container["ports"] == [{"name": "http", "containerPort": settings.port}]
    (port,) = named(objects, "Service", "leanstage-trigger")["spec"]["ports"]
    assert (port["port"], port["targetPort"]) == (settings.port, "http")
    selector = named(objects, "Service", "leanstage-trigger")["spec"]["selector"]
    assert selector.items() <= template["metadata"]["labels"].items()
    served = {
        (method, route.path)
        for route in make_app(cast(Any, None), cast(Any, object())).routes
        if isinstance(route, APIRoute)
        for method in route.methods
    }
    probes = {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}
    for probe, path in probes.items():
        assert container[probe]["httpGet"] == {"path": path, "port": "http"}
        assert ("GET", path) in served
    notes = template["metadata"]["annotations"]
    assert notes["prometheus.io/port"] == str(settings.port)
    assert ("GET", notes["prometheus.io/path"]) in served
    assert ("POST", "/webhooks/mlflow") in served
    assert f":{settings.port}/webhooks/mlflow" in _install()


def test_every_command_is_one(objects: list[Object]) -> None:
    known = set(cast(Any, typer.main.get_command(app)).commands)
    for template in templates(objects).values():
        for container in containers(template["spec"]):
            program, command = container["command"]
            assert program == "leanstage"
            assert command in known


def _install() -> str:
    return INSTALL.read_text(encoding="utf-8")


def _command(secret: str) -> str:
    """The command that makes a Secret, its continued lines included."""
    text = _install().replace("\\\n", " ")
    return next(line for line in text.splitlines() if f"create secret generic {secret} " in line)


def _mounted(
    path: str, container: Object, pod: Object, objects: list[Object]
) -> tuple[str, Object]:
    mount = next(each for each in container["volumeMounts"] if path.startswith(each["mountPath"]))
    volume = next(each for each in pod["volumes"] if each["name"] == mount["name"])
    place = named(objects, "Deployment", "leanstage-trigger")["metadata"]["namespace"]
    return mount["mountPath"], named(objects, "ConfigMap", volume["configMap"]["name"], place)


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
