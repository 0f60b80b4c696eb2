"""Compiled packages: what they name, what a cluster takes, what others can load."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import ValidationError
from kfp import compiler, components, dsl

from leanstage import __version__
from leanstage import components as ours
from leanstage.components._image import NAMES
from leanstage.errors import InputError
from leanstage.pipelines import PIPELINES, Platform
from leanstage.pipelines._platform import Size
from leanstage.runner.documents import read_package
from leanstage.runner.images import Target
from leanstage.runner.packages import compiled, pipeline_resources, write_packages
from tests.crds import check_resource

ROOT = Path(__file__).parents[2]
DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything compiled for a registry, the control image by its digest."""
    folder = tmp_path_factory.mktemp("packages")
    target = Target("registry.example.org:5000/lean", "7", {"control": DIGEST})
    written = write_packages(folder, target=target)
    assert {path.relative_to(folder).as_posix() for path in written} == {
        *(f"{kind}/{name}.yaml" for kind in ("pipelines", "manifests") for name in PIPELINES),
        *(f"components/{name}.yaml" for name in ours.__all__),
    }
    return folder


def documents(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def test_registry_tag_and_digest_hold_for_every_image(packages: Path) -> None:
    known = {
        f"registry.example.org:5000/lean/leanstage-control@{DIGEST}",
        "registry.example.org:5000/lean/leanstage-torch:7",
    }
    found = [set(read_package(path).images()) for path in packages.rglob("*.yaml")]
    assert all(images <= known for images in found)
    assert set().union(*found) == known


def test_every_image_of_the_packages_is_built_here(packages: Path) -> None:
    named = {
        re.fullmatch(r".*/leanstage-(\w+)[:@].*", image)[1]  # type: ignore[index]
        for path in packages.rglob("*.yaml")
        for image in read_package(path).images()
    }
    assert named == set(NAMES)
    for name in named:
        assert (ROOT / "images" / name / "Dockerfile").is_file()


def test_without_being_told_the_tag_is_the_version(tmp_path: Path) -> None:
    spec = compiled("rejudge", tmp_path / "rejudge.yaml")
    assert spec == documents(tmp_path / "rejudge.yaml")[0]
    assert set(read_package(tmp_path / "rejudge.yaml").images()) == {
        f"leanstage/leanstage-{name}:{__version__}" for name in NAMES
    }


@pytest.mark.parametrize("name", PIPELINES)
def test_a_cluster_takes_the_resources(packages: Path, name: str) -> None:
    pipeline, version = documents(packages / "manifests" / f"{name}.yaml")
    assert (pipeline["kind"], version["kind"]) == ("Pipeline", "PipelineVersion")
    assert version["spec"]["pipelineName"] == pipeline["metadata"]["name"] == f"leanstage-{name}"
    assert pipeline["spec"]["description"] == version["spec"]["description"]
    package = documents(packages / "pipelines" / f"{name}.yaml")
    assert version["spec"]["pipelineSpec"] == package[0]
    assert version["spec"]["platformSpec"] == package[1]
    for resource in (pipeline, version):
        assert re.fullmatch(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?", resource["metadata"]["name"])
        check_resource(resource)


def test_a_version_of_a_pipeline_is_named_after_what_it_holds(packages: Path) -> None:
    target = Target("registry.example.org:5000/lean", "7", {"control": DIGEST})

    def name_on(platform: Platform) -> str:
        made = pipeline_resources("decide", target=target, platform=platform)
        name: str = made.documents[1]["metadata"]["name"]
        return name

    (_, written) = documents(packages / "manifests" / "decide.yaml")
    assert name_on(Platform()) == written["metadata"]["name"]
    assert name_on(Platform(control=Size(cpu="2"))) != name_on(Platform())
    assert re.fullmatch(
        rf"leanstage-decide-{re.escape(__version__)}-[0-9a-f]{{8}}", name_on(Platform())
    )


@pytest.mark.parametrize("name", ours.__all__)
def test_a_component_can_be_loaded_and_wired_by_others(
    packages: Path, tmp_path: Path, name: str
) -> None:
    loaded = components.load_component_from_file(str(packages / "components" / f"{name}.yaml"))
    mine = getattr(ours, name).component_spec
    assert set(loaded.component_spec.inputs or {}) == set(mine.inputs or {})
    assert set(loaded.component_spec.outputs or {}) == set(mine.outputs or {})

    @dsl.pipeline(name="theirs")
    def theirs() -> None:
        given = {}
        for key, spec in (loaded.component_spec.inputs or {}).items():
            if not spec.optional:
                kind = getattr(dsl, spec.type.partition("@")[0].removeprefix("system."), None)
                given[key] = (
                    "text"
                    if kind is None
                    else dsl.importer(artifact_uri="s3://a/b", artifact_class=kind).output
                )
        loaded(**given)

    compiler.Compiler().compile(theirs, str(tmp_path / "theirs.yaml"))
    executors = documents(tmp_path / "theirs.yaml")[0]["deploymentSpec"]["executors"]
    theirs_container = executors[f"exec-{name.replace('_', '-')}"]["container"]
    (image,) = read_package(packages / "components" / f"{name}.yaml").images()
    assert theirs_container["image"] == image


@pytest.mark.parametrize(
    "target",
    [
        {"registry": "https://registry.example.org"},
        {"registry": "Upper/case"},
        {"registry": "ends/"},
        {"tag": DIGEST},
        {"tag": "has space"},
        {"digests": {"control": "sha256:12"}},
        {"digests": {"serve": DIGEST}},
    ],
)
def test_an_image_that_no_registry_has_is_refused(target: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        Target(**target)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda version: version["spec"].update(unknown=1),
        lambda version: version["spec"].update(displayName=1),
        lambda version: version["spec"].pop("pipelineSpec"),
    ],
)
def test_a_resource_that_no_cluster_takes_is_seen(packages: Path, spoil: Any) -> None:
    _, version = documents(packages / "manifests" / "decide.yaml")
    spoil(version)
    with pytest.raises(ValidationError):
        check_resource(version)
