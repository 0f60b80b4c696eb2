"""What the built images are."""

import ast
import json
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from leanstage import __version__
from leanstage.components._image import NAMES, image
from tests.images.conftest import BUILT, ROOT

pytestmark = pytest.mark.images

_INSTALLED = """
import importlib.metadata as metadata, json
print(json.dumps({d.metadata["Name"]: d.version for d in metadata.distributions()}))
"""


CONSTRAINTS = {name: f"images/{name}/constraints.txt" for name in BUILT if name not in NAMES}
"""Where they are not those of everything else."""


def run(engine: Any, name: str, *command: str, **options: Any) -> str:
    """What a command prints in a container without a network and with a read-only root."""
    answer = engine.containers.run(
        image(name), [*command], remove=True, network_mode="none", read_only=True, **options
    )
    return str(answer.decode())


def starts(engine: Any, name: str, **options: Any) -> None:
    """What the image is for starts in it."""
    if name != "llm":
        assert run(engine, name, "leanstage", "--version", **options).strip() == __version__
    else:
        script = run(engine, name, "python", "/opt/compress.py", "--help", **options)
        assert "--scheme" in script


@pytest.mark.parametrize("name", BUILT)
def test_an_image_says_what_it_is_and_runs_as_a_number(engine: Any, name: str) -> None:
    config = engine.images.get(image(name)).attrs["Config"]
    assert config["User"] == "65532:65532"
    assert not config["Entrypoint"]
    assert config["WorkingDir"] == "/tmp"
    labels = {key.rpartition(".")[2]: value for key, value in config["Labels"].items()}
    assert labels["title"] == f"leanstage-{name}"
    assert labels["version"] == __version__
    assert labels["licenses"] == "Apache-2.0"
    assert len(labels["revision"].removesuffix("-dirty")) == 40
    assert run(engine, name, "id", "-u").strip() == "65532"
    starts(engine, name)


@pytest.mark.parametrize("name", BUILT)
def test_it_runs_as_any_number(engine: Any, name: str) -> None:
    starts(engine, name, user="1000660000:0")


@pytest.mark.parametrize("name", BUILT)
def test_every_package_has_the_version_of_the_constraints(engine: Any, name: str) -> None:
    path = ROOT / CONSTRAINTS.get(name, "constraints.txt")
    lines = path.read_text(encoding="utf-8").splitlines()
    pinned = {
        canonicalize_name(requirement.name): str(requirement.specifier).removeprefix("==")
        for requirement in (Requirement(line) for line in lines if "==" in line)
    }
    found = json.loads(run(engine, name, "python", "-c", _INSTALLED))
    installed = {canonicalize_name(key): value for key, value in found.items()}
    assert installed.pop("leanstage", None) == (None if name == "llm" else __version__)
    # What torch brings for a GPU, it pins itself.
    unpinned = {
        package: version
        for package, version in installed.items()
        if pinned.get(package) != version.partition("+")[0]
        and not package.startswith(("nvidia-", "cuda-", "triton"))
    }
    assert not unpinned
    assert "pip" not in installed


@pytest.mark.parametrize("name", NAMES)
def test_its_components_find_what_their_bodies_import(engine: Any, name: str) -> None:
    statements = []
    for path in (ROOT / "components").glob("*/component.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        (body,) = (node for node in tree.body if isinstance(node, ast.FunctionDef))
        if f'image("{name}")' in ast.unparse(body.decorator_list[0]).replace("'", '"'):
            imports = [node for node in ast.walk(body) if isinstance(node, ast.ImportFrom)]
            assert imports, path
            statements += [ast.unparse(node) for node in imports]
    assert statements
    run(engine, name, "python", "-c", "\n".join(statements), tmpfs={"/tmp": ""})


def test_the_control_image_compiles_what_the_cluster_runs(engine: Any) -> None:
    command = "leanstage compile --out /tmp/packages > /dev/null && cat /tmp/packages/pipelines/*"
    packages = run(engine, "control", "sh", "-c", command, tmpfs={"/tmp": ""})
    assert all(image(name) in packages for name in NAMES)
