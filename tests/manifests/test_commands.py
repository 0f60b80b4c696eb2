"""What the manifests start is there: the command, its settings, its ports and pages."""

import re
from typing import Any, cast

import typer.main
from fastapi.routing import APIRoute

from leanstage.cli import app
from leanstage.trigger.app import make_app
from leanstage.trigger.settings import PREFIX, Settings
from tests.manifests.kustomize import (
    MANIFESTS,
    Object,
    containers,
    named,
    settings_of,
    templates,
)
from tests.manifests.reads import settings_of_trigger

ROOT = MANIFESTS.parent


def test_every_setting_of_the_trigger_is_documented_and_no_other() -> None:
    text = (ROOT / "docs/trigger.md").read_text(encoding="utf-8")
    section = text.partition("## Settings")[2].partition("\n## ")[0]
    table, _, further = section.partition("\nFurther:")
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    documented = {f"{PREFIX}{name}" for row in rows for name in re.findall("`([A-Z_]+)`", row)}
    apart = {name for name in settings_of_trigger() if not name.startswith(PREFIX)}
    assert documented == settings_of_trigger() - apart
    assert all(f"`{name}`" in further for name in apart)


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
    assert f":{settings.port}/webhooks/mlflow" in (MANIFESTS / "README.md").read_text(
        encoding="utf-8"
    )


def test_every_command_is_one(objects: list[Object]) -> None:
    known = cast(Any, typer.main.get_command(app)).commands
    for template in templates(objects).values():
        for container in containers(template["spec"]):
            program, command = container["command"]
            assert program == "leanstage"
            options = {option for each in known[command].params for option in each.opts}
            assert set(container.get("args", [])) <= options
