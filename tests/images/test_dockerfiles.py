"""What the files below ``images/`` say; nothing is built here."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import requires
from pathlib import Path

import pytest
from google.protobuf import json_format

from leanstage import __version__, components
from leanstage.components._image import NAMES
from leanstage.pipelines import PIPELINES
from tests.images.conftest import BUILT, ROOT
from tests.images.stated import BY_HAND, IMAGES, PROJECT, installed, requirements

SMALLER = {"mlflow": "mlflow-skinny"}


def last_stage(image: str) -> list[tuple[str, str]]:
    """Instructions of the stage that becomes the image: (word, the rest)."""
    text = (IMAGES / image / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    parsed = [(line.split()[0], line.split(maxsplit=1)[1].strip()) for line in lines]
    start = max(index for index, (word, _) in enumerate(parsed) if word == "FROM")
    return parsed[start:]


def test_every_image_that_compiled_packages_name_is_built_here() -> None:
    members = [*PIPELINES.values(), *(getattr(components, name) for name in components.__all__)]
    named = {reference for member in members for reference in references(member)}
    assert named == {f"leanstage/leanstage-{name}:{__version__}" for name in NAMES}
    assert {path.parent.name for path in IMAGES.glob("*/Dockerfile")} == set(BUILT)


def references(member: object) -> Iterator[str]:
    """Images in the IR of a pipeline or a component."""
    spec = json_format.MessageToDict(member.pipeline_spec.deployment_spec)  # type: ignore[attr-defined]
    for executor in spec["executors"].values():
        yield executor["container"]["image"]


@pytest.mark.parametrize("image", BUILT)
def test_hadolint_has_nothing_to_say(image: str) -> None:
    command = [Path(sys.executable).parent / "hadolint", IMAGES / image / "Dockerfile"]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (answer.returncode, answer.stdout) == (0, "")


@pytest.mark.parametrize("image", BUILT)
def test_the_last_stage_only_copies_and_runs_as_a_number(image: str) -> None:
    stage = last_stage(image)
    assert stage[0] == ("FROM", "${BASE_IMAGE}")
    words = [word for word, _ in stage]
    assert "RUN" not in words, "what is installed, is installed by the builder"
    # KFP's runners give a command; an entrypoint would swallow it.
    assert "ENTRYPOINT" not in words
    assert [rest for word, rest in stage if word == "USER"] == ["65532:65532"]
    assert all("--from=" in rest for word, rest in stage if word == "COPY")
    (labels,) = (rest for word, rest in stage if word == "LABEL")
    assert set(re.findall(r"org\.opencontainers\.image\.(\w+)=", labels)) == {
        "title", "description", "licenses", "version", "revision", "source",
    }  # fmt: skip
    assert f'title="leanstage-{image}"' in labels
    assert f'licenses="{PROJECT["license"]}"' in labels


def test_the_images_hold_every_dependency_of_the_package() -> None:
    present = {name for image in NAMES for name in installed(image)} | BY_HAND
    missing = [
        name
        for name in requirements(PROJECT["dependencies"])
        if SMALLER.get(name, name) not in present
    ]
    assert not missing, "add these to the requirements of the image that imports them"


@pytest.mark.parametrize("image", NAMES)
def test_an_image_holds_no_more_than_the_package_and_kfp_ask_for(image: str) -> None:
    extras = PROJECT["optional-dependencies"]
    more = [*extras["s3"], *extras["datasets"], *extras["openvino"], *extras["serve"]]
    asked = requirements([*PROJECT["dependencies"], *more])
    kfp = requirements(requires("kfp") or [])
    allowed = set(asked) | set(kfp) | set(SMALLER.values()) | {"googleapis-common-protos"}
    assert set(installed(image)) <= allowed
    # Ranges are the package's, versions those of the constraints; here are only names.
    for name, requirement in installed(image).items():
        assert not requirement.specifier, name


def test_its_script_refuses_before_it_loads_anything(tmp_path: Path) -> None:
    def said(*arguments: object) -> str:
        command = [sys.executable, IMAGES / "llm" / "compress.py", *map(str, arguments)]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert answer.returncode == 2
        return answer.stderr

    pickled = tmp_path / "pickled"
    pickled.mkdir()
    (pickled / "pytorch_model.bin").touch()
    assert "pickles are never loaded" in said(pickled, tmp_path / "out")
    (pickled / "model.safetensors").touch()
    assert "name a new folder" in said(pickled, pickled)
    assert "pass --rows" in said(pickled, tmp_path / "out", "--method", "gptq")
    assert "start at 1" in said(pickled, tmp_path / "out", "--samples", 0)
    rows = tmp_path / "rows.jsonl"
    assert "No such file" in said(pickled, tmp_path / "out", "--rows", rows)
    for text, sentence in {
        "": "holds no rows",
        "{": "row 1 is no JSON",
        "[]": "row 1 is no object",
        '{"text": "so"}\n{"text": 5}': "row 2 has no 'text'",
    }.items():
        rows.write_text(text)
        assert sentence in said(pickled, tmp_path / "out", "--rows", rows)


def test_the_control_image_is_the_lean_one() -> None:
    heavy = {"torch", "transformers", "onnxruntime", "bitsandbytes", "torch-pruning", "mlflow"}
    assert not heavy & set(installed("control"))


def test_make_images_names_what_compiled_packages_name(tmp_path: Path) -> None:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("LEANSTAGE_")}

    def built(**environment: str) -> str:
        return subprocess.run(
            [IMAGES / "build.sh"],
            env={**clean, "ENGINE": "echo", **environment},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout

    plain = built().splitlines()
    assert len(plain) == len(BUILT)
    for name, line in zip(BUILT, plain, strict=True):
        assert f"--file images/{name}/Dockerfile" in line
        assert f"--tag leanstage/leanstage-{name}:{__version__} " in line
        assert f"--build-arg VERSION={__version__} " in line
    told = built(
        LEANSTAGE_REGISTRY="registry.example.org/ml", LEANSTAGE_TAG="7", IMAGE_FLAGS="--pull -q"
    )
    assert "build --pull -q --file" in told
    assert "--tag registry.example.org/ml/leanstage-torch:7 " in told


def test_the_build_context_is_the_package_alone() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").split("\n")
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    let_in = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    assert let_in == {
        "pyproject.toml",
        "constraints.txt",
        "README.md",
        "LICENSE",
        "src/leanstage",
        "components",
        "pipelines",
        # By name: not every builder finds a pattern below a folder that is left out.
        *(f"images/{name}/requirements.txt" for name in BUILT),
        *(f"images/{name}/constraints.txt" for name in BUILT if name not in NAMES),
        "images/llm/compress.py",
    }
