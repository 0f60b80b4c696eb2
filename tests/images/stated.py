"""What the files below ``images/`` and ``pyproject.toml`` ask for."""

import tomllib

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.images.conftest import ROOT

IMAGES = ROOT / "images"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
BY_HAND = {"kfp", "kfp-kubernetes"}
"""Installed without what they depend on, in the Dockerfile itself."""


def requirements(lines: list[str]) -> dict[str, Requirement]:
    """Requirements by normalised name."""
    stated = (line.partition("#")[0].strip() for line in lines)
    found = [Requirement(line) for line in stated if line]
    return {canonicalize_name(requirement.name): requirement for requirement in found}


def installed(image: str) -> dict[str, Requirement]:
    """What the image's requirements name."""
    return requirements((IMAGES / image / "requirements.txt").read_text().splitlines())
