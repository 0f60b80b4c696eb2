"""Every object held against the schema of its kind, strictly: an unknown field is refused."""

import re
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest

from leanstage.gate.policies import load_policy
from leanstage.pipelines import PIPELINES, Platform
from tests.crds import check_resource
from tests.manifests.conftest import AS_OBJECTS, Rendered
from tests.manifests.kustomize import MANIFESTS, OVERLAYS, Object, kinds, named

VERSIONS = ("1.29", "1.33", "1.37")
"""The oldest Kubernetes that the manifests are meant for, one between, the newest with schemas."""


@pytest.mark.parametrize("version", VERSIONS)
def test_every_built_in_object_is_one(objects: list[Object], version: str) -> None:
    for found in objects:
        kubernetes_validate.validate(found, version, strict=True)


def test_a_field_that_kubernetes_does_not_know_is_refused(objects: list[Object]) -> None:
    deployment = named(objects, "Deployment", "leanstage-trigger")
    with pytest.raises(kubernetes_validate.ValidationError, match="replica"):
        kubernetes_validate.validate(
            {**deployment, "spec": {**deployment["spec"], "replica": 1}}, "1.37", strict=True
        )


@pytest.mark.parametrize("overlay", [name + AS_OBJECTS for name in OVERLAYS])
def test_every_custom_resource_is_one(overlay: str, rendered: Rendered) -> None:
    pipelines = kinds(rendered(overlay), "Pipeline", "PipelineVersion")
    assert len(pipelines) == 2 * len(PIPELINES)
    for found in pipelines:
        check_resource(found)
        with pytest.raises(jsonschema.ValidationError, match="unheard"):
            check_resource({**found, "spec": {**found["spec"], "unheard": 1}})


def test_only_pipelines_need_definitions(everything: list[Object]) -> None:
    groups = {found["apiVersion"].partition("/")[0] for found in everything}
    custom = {group for group in groups if "." in group and not group.endswith(".k8s.io")}
    assert custom <= {"pipelines.kubeflow.org"}
    assert bool(custom) == bool(kinds(everything, "Pipeline"))


def test_the_policy_to_start_from_is_one(objects: list[Object], tmp_path: Path) -> None:
    for config in kinds(objects, "ConfigMap"):
        if config["metadata"]["name"] == "leanstage-policies":
            for name, text in config["data"].items():
                (tmp_path / name).write_text(text)
                policy = load_policy(str(tmp_path / name))
                # It covers no model by accident.
                assert policy.models == ("leanstage-example-*",)


def test_what_the_policy_shows_in_comments_is_valid_once_filled_in(tmp_path: Path) -> None:
    text = (MANIFESTS / "base/policies/example.yaml").read_text()
    settings = [line.removeprefix("# ") for line in text.splitlines() if _is_setting(line)]
    filled = "\n".join(settings).replace("<64 hexadecimal digits>", "0" * 64)
    assert len(settings) == 14
    (tmp_path / "policy.yaml").write_text(text + filled)
    policy = load_policy(str(tmp_path / "policy.yaml"))
    assert policy.require_permissions
    assert policy.promoted_to("reviews") == "reviews-promoted"


def test_what_the_platform_shows_in_comments_is_valid(tmp_path: Path) -> None:
    text = (MANIFESTS / "base/platform.yaml").read_text()
    (tmp_path / "platform.yaml").write_text(text)
    assert Platform.load(tmp_path / "platform.yaml") == Platform()
    shown = [line.removeprefix("# ") for line in text.splitlines() if _is_setting(line)]
    (tmp_path / "platform.yaml").write_text("\n".join(shown))
    platform = Platform.load(tmp_path / "platform.yaml")
    assert platform.distill.accelerators == 1
    assert platform.training_nodes.tolerations[0].key == "nvidia.com/gpu"
    assert platform.workspace is not None


def _is_setting(line: str) -> bool:
    """Whether a comment is a setting that was switched off, and not a sentence."""
    body = line.removeprefix("# ")
    name = body.strip().removeprefix("- ").partition(":")[0]
    return line.startswith("# ") and ":" in body and re.fullmatch("[a-z0-9_]+", name) is not None
