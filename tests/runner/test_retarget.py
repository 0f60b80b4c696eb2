"""Other images in packages that are compiled already, and nothing else."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from kfp import compiler, dsl
from typer.testing import CliRunner

from leanstage.cli.main import app
from leanstage.components import recall
from leanstage.errors import InputError
from leanstage.pipelines import Platform
from leanstage.runner.documents import fingerprint
from leanstage.runner.images import Target
from leanstage.runner.packages import component_package, pipeline_package, pipeline_resources

DIGEST = "sha256:" + "ab" * 32


@dsl.component(base_image="team/judge:1", install_kfp_package=False)
def judge(model: dsl.Input[dsl.Model]) -> None: ...


@dsl.pipeline(name="mixed")
def mixed(run_id: str) -> None:
    """A team's component beside one of ours."""
    judge(model=recall(run_id=run_id).outputs["optimized"])


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Packages of every form."""
    folder = tmp_path_factory.mktemp("compiled")
    old = Target("old.example.org/lean", "1")
    made = {
        "pipeline": pipeline_package("rejudge", target=old, platform=Platform()),
        "resources": pipeline_resources("rejudge", target=old, platform=Platform()),
        "component": component_package("gate", target=old),
    }
    for name, package in made.items():
        (folder / f"{name}.yaml").write_text(package.text(), encoding="utf-8")
    compiler.Compiler().compile(mixed, str(folder / "mixed.yaml"))
    return folder


@pytest.fixture
def packages(compiled: Path, tmp_path: Path) -> dict[str, Path]:
    """Copies to write to."""
    found = {}
    for path in compiled.iterdir():
        found[path.stem] = tmp_path / path.name
        found[path.stem].write_bytes(path.read_bytes())
    return found


def documents(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def spec_in(document: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = document.get("spec", {}).get("pipelineSpec", document)
    return spec


def images(path: Path) -> set[str]:
    return {
        executor["container"]["image"]
        for document in documents(path)
        for executor in spec_in(document).get("deploymentSpec", {}).get("executors", {}).values()
    }


def without_images(path: Path) -> list[dict[str, Any]]:
    """The documents without images, and without the name that follows from them."""
    found = deepcopy(documents(path))
    for document in found:
        executors = spec_in(document).get("deploymentSpec", {}).get("executors", {})
        for executor in executors.values():
            executor["container"].pop("image")
        if document.get("kind") == "PipelineVersion":
            document["metadata"].pop("name")
            document["spec"].pop("displayName")
    return found


def retarget(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["retarget", *map(str, arguments)])


@pytest.mark.parametrize("form", ["pipeline", "resources", "component"])
def test_only_images_change(packages: dict[str, Path], form: str) -> None:
    path = packages[form]
    before, comment = without_images(path), path.read_text(encoding="utf-8").startswith("#")
    done = retarget(path, "--registry", "new.example.org/mirror", "--tag", "2")
    assert done.exit_code == 0, done.output
    assert images(path) <= {
        f"new.example.org/mirror/leanstage-{name}:2" for name in ("control", "torch")
    }
    assert without_images(path) == before
    assert path.read_text(encoding="utf-8").startswith("#") == comment


def test_once_more_changes_nothing(packages: dict[str, Path]) -> None:
    for path in packages.values():
        retarget(path, "--registry", "new.example.org/mirror", "--tag", "2")
        once = path.read_bytes()
        retarget(path, "--registry", "new.example.org/mirror", "--tag", "2")
        assert path.read_bytes() == once


def test_a_digest_stands_in_for_the_tag_of_its_image(packages: dict[str, Path]) -> None:
    path = packages["pipeline"]
    assert retarget(path, "--digest", f"control={DIGEST}").exit_code == 0
    assert images(path) == {
        f"old.example.org/lean/leanstage-control@{DIGEST}",
        "old.example.org/lean/leanstage-torch:1",
    }
    assert retarget(path, "--tag", "3").exit_code == 0
    assert images(path) == {
        f"old.example.org/lean/leanstage-{each}:3" for each in ("control", "torch")
    }


def test_the_images_of_others_stay_and_are_named(packages: dict[str, Path]) -> None:
    done = retarget(packages["mixed"], "--registry", "new.example.org")
    assert done.exit_code == 0
    assert "left as it is: team/judge:1" in done.output
    found = images(packages["mixed"])
    assert "team/judge:1" in found
    assert len(found) == 2
    assert any(image.startswith("new.example.org/leanstage-torch:") for image in found)


def test_a_version_whose_images_change_is_another_version(packages: dict[str, Path]) -> None:
    path = packages["resources"]
    before = documents(path)[1]["metadata"]["name"]
    retarget(path, "--tag", "2")
    version = documents(path)[1]
    assert version["metadata"]["name"] != before
    assert version["metadata"]["name"].rpartition("-")[0] == before.rpartition("-")[0]
    assert version["metadata"]["name"].endswith(fingerprint(version))
    retarget(path, "--tag", "1")
    assert documents(path)[1]["metadata"]["name"] == before


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a: 1",
        "- a",
        "{",
        "just words",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}",
        "apiVersion: pipelines.kubeflow.org/v2beta1\nkind: Pipeline\nmetadata: {name: a}",
        "platforms: {}",
        "pipelineInfo: {name: a}\ndeploymentSpec: {}\nroot: {}\n---\nkind: Other",
        "{pipelineInfo: {}, root: {}, deploymentSpec: [a]}",
        "{pipelineInfo: {}, root: {}, deploymentSpec: {executors: [a]}}",
        "{pipelineInfo: {}, root: {}, deploymentSpec: {executors: {a: b}}}",
        "{pipelineInfo: {}, root: {}, deploymentSpec: {executors: {a: {container: b}}}}",
        "{apiVersion: pipelines.kubeflow.org/v2beta1, kind: PipelineVersion, spec: a}",
        "{kind: PipelineVersion, spec: {pipelineSpec: a}}",
    ],
)
def test_what_is_no_package_is_refused_and_no_file_is_touched(
    packages: dict[str, Path], tmp_path: Path, text: str
) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(text, encoding="utf-8")
    before = packages["pipeline"].read_bytes()
    done = retarget(packages["pipeline"], other, "--tag", "2")
    assert isinstance(done.exception, InputError)
    assert "other.yaml is no compiled package" in str(done.exception)
    assert packages["pipeline"].read_bytes() == before
    assert other.read_text(encoding="utf-8") == text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "nothing to change"),
        (["--digest", "control"], "is no digest"),
        (["--digest", f"control={DIGEST}", "--digest", f"control={DIGEST}"], "each image once"),
        (["--tag", DIGEST], "--digest control="),
    ],
)
def test_a_request_that_names_no_image_is_refused(
    packages: dict[str, Path], arguments: list[str], message: str
) -> None:
    done = retarget(packages["pipeline"], *arguments)
    assert isinstance(done.exception, InputError)
    assert message in str(done.exception)


@pytest.mark.parametrize(
    ("name", "message"), [("a.yaml", "a.yaml cannot be read"), ("a.json", "a.json is no YAML")]
)
def test_a_file_that_is_not_there_or_no_yaml_is_named(
    tmp_path: Path, name: str, message: str
) -> None:
    done = retarget(tmp_path / name, "--tag", "2")
    assert isinstance(done.exception, InputError)
    assert message in str(done.exception)
