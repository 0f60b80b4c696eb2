"""What stands in constraints, against what is asked for and what that brings along."""

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from leanstage.components._image import NAMES
from tests.images.conftest import ROOT
from tests.images.stated import BY_HAND, IMAGES, PROJECT, installed, requirements


def test_every_requirement_has_a_version_that_the_package_accepts() -> None:
    pinned = requirements((ROOT / "constraints.txt").read_text().splitlines())
    asked = requirements(PROJECT["dependencies"])
    for name in BY_HAND.union(*(installed(image) for image in NAMES)):
        (pin,) = pinned[name].specifier
        assert pin.operator == "==", name
        assert name not in asked or asked[name].specifier.contains(pin.version), name


def brought(asked: list[Requirement]) -> Iterator[str]:
    """Names of those, and of all that they bring along where the tests run."""
    seen: set[tuple[str, frozenset[str]]] = set()
    while asked:
        requirement = asked.pop()
        name, extras = canonicalize_name(requirement.name), frozenset(requirement.extras)
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        yield name
        try:
            stated = [Requirement(line) for line in requires(name) or []]
        except PackageNotFoundError:
            continue  # Of an extra that the tests do not need, s3fs for one.
        asked += [
            needed
            for needed in stated
            if needed.marker is None
            or any(needed.marker.evaluate({"extra": extra}) for extra in extras | {""})
        ]


@pytest.mark.parametrize("image", NAMES)
def test_what_requirements_bring_along_has_a_version_as_well(image: str) -> None:
    pinned = requirements((ROOT / "constraints.txt").read_text().splitlines())
    found = set(brought(list(installed(image).values())))
    assert len(found) > len(installed(image))
    # What torch brings for a GPU, it pins itself.
    ours = (name for name in found if not name.startswith(("nvidia-", "cuda-", "triton")))
    assert not sorted(set(ours) - set(pinned)), "add these to constraints.txt"


@pytest.mark.parametrize(("image", "differs"), [("llm", "transformers"), ("serve", "kubernetes")])
def test_an_image_with_versions_of_its_own(image: str, differs: str) -> None:
    pinned = requirements((IMAGES / image / "constraints.txt").read_text().splitlines())
    assert all(pin.specifier and str(pin.specifier).startswith("==") for pin in pinned.values())
    assert set(installed(image)) <= set(pinned)
    ours = requirements((ROOT / "constraints.txt").read_text().splitlines())
    # The day that they agree, it can have those of everything else.
    assert pinned[differs].specifier != ours[differs].specifier
    assert pinned["torch"].specifier == ours["torch"].specifier


def test_the_predictor_answers_by_the_versions_that_it_was_judged_with() -> None:
    pinned = requirements((IMAGES / "serve" / "constraints.txt").read_text().splitlines())
    ours = requirements((ROOT / "constraints.txt").read_text().splitlines())
    for name in ("torch", "transformers", "onnxruntime", "tokenizers", "safetensors", "numpy"):
        assert pinned[name].specifier == ours[name].specifier, name
