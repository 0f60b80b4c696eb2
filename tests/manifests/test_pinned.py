"""Runs pinned to images by digest: the trigger starts, and the Job uploads, what was compiled."""

import json
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from leanstage.components._image import NAMES
from leanstage.contracts import write_atomically
from leanstage.pipelines import PIPELINES
from leanstage.runner.documents import read_package
from leanstage.runner.images import Target, images
from leanstage.runner.kfp_client import Connection, Kubeflow
from leanstage.trigger.backends import Job
from leanstage.trigger.backends.kfp import KfpBackend
from tests.kfp_state import KfpServer
from tests.manifests.conftest import copied
from tests.manifests.kustomize import OVERLAYS, Object, kinds, render, speaking, templates
from tests.manifests.restricted import violations

ADD = "  - ../../components/pipelines-upload\n"
DIGESTS = {name: f"sha256:{index:064x}" for index, name in enumerate(NAMES, start=1)}
PINNED = {f"registry.corp/ml/leanstage-{name}@{digest}" for name, digest in DIGESTS.items()}
KEPT_BY_APPLY = 262_144
"""Bytes that the annotations of an object may have; `kubectl apply` keeps the object in one."""


@pytest.fixture(scope="module")
def manifests(tmp_path_factory: pytest.TempPathFactory, release: Path) -> Path:
    """The manifests with packages that name digests, and the component in every overlay."""
    copy = copied(tmp_path_factory.mktemp("pinned"))
    for name in PIPELINES:
        package = read_package(release / f"pipelines/{name}.yaml")
        package.retarget(Target("registry.corp/ml", "", DIGESTS))
        write_atomically(copy / f"components/pinned/pipelines/{name}.yaml", package.text().encode())
    for overlay in OVERLAYS:
        kustomization = copy / "overlays" / overlay / "kustomization.yaml"
        text = kustomization.read_text()
        assert ADD in text
        kustomization.write_text(text.replace(ADD, f"{ADD}  - ../../components/pinned\n"))
    return copy


@pytest.fixture
def pinned(manifests: Path, overlay: str) -> list[Object]:
    return render(manifests / "overlays" / overlay)


def test_every_image_that_a_run_starts_is_named_by_its_digest(pinned: list[Object]) -> None:
    packages = _packages(pinned)
    assert set(packages) == {f"{name}.yaml" for name in PIPELINES}
    for text in packages.values():
        named = set(images(next(yaml.safe_load_all(text))))
        assert named
        assert named <= PINNED


def test_both_pods_read_them_where_they_lie(pinned: list[Object]) -> None:
    held = {found["metadata"]["name"] for found in _holders(pinned)}
    for name, template in speaking(pinned).items():
        pod = template["spec"]
        (container,) = pod["containers"]
        (volume,) = (each for each in pod["volumes"] if each["name"] == "packages")
        assert {each["configMap"]["name"] for each in volume["projected"]["sources"]} == held
        (mount,) = (each for each in container["volumeMounts"] if each["name"] == "packages")
        assert mount["readOnly"] is True
        if name == "leanstage-trigger":
            values = {each["name"]: each.get("value") for each in container["env"]}
            assert values["LEANSTAGE_TRIGGER_PACKAGES"] == mount["mountPath"]
        else:
            files = [f"{mount['mountPath']}/{each}.yaml" for each in PIPELINES]
            assert container["command"] == ["leanstage", "upload", *files]


def test_they_are_valid_restricted_and_small_enough_to_apply(pinned: list[Object]) -> None:
    for found in pinned:
        kubernetes_validate.validate(found, "1.37", strict=True)
        assert len(json.dumps(found)) < KEPT_BY_APPLY
    for template in templates(pinned).values():
        assert violations(template["spec"]) == []


def test_other_packages_start_the_trigger_anew(manifests: Path, tmp_path: Path) -> None:
    before = templates(render(manifests / "overlays/standalone"))["leanstage-trigger"]
    changed = manifests / "components/pinned/pipelines/decide.yaml"
    kept = changed.read_text()
    changed.write_text(kept.replace(DIGESTS["control"], f"sha256:{9:064x}"))
    try:
        after = templates(render(manifests / "overlays/standalone"))["leanstage-trigger"]
    finally:
        changed.write_text(kept)
    assert before != after


def test_what_the_trigger_starts_is_what_was_compiled(
    pinned: list[Object], kfp_server: KfpServer, tmp_path: Path
) -> None:
    for name, text in _packages(pinned).items():
        (tmp_path / name).write_text(text)
    reached = Kubeflow(Connection(host=kfp_server.uri))
    backend = KfpBackend(
        {"user": reached, "gate": reached},
        experiment="leanstage",
        service_accounts={"user": "", "gate": ""},
        packages=tmp_path,
    )
    backend.create(Job("a-run", "rejudge", {"run_id": "1"}, place="gate"))
    spec = kfp_server.run_named("a-run")["pipeline_spec"]
    assert set(images(spec.get("pipeline_spec", spec))) <= PINNED


def _holders(objects: list[Object]) -> list[Object]:
    return [
        found
        for found in kinds(objects, "ConfigMap")
        if found["metadata"]["name"].startswith("leanstage-package-")
    ]


def _packages(objects: list[Object]) -> dict[str, str]:
    return {name: text for found in _holders(objects) for name, text in found["data"].items()}
