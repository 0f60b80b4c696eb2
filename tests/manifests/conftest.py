"""Every overlay, rendered once."""

import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.manifests.kustomize import MANIFESTS, OVERLAYS, Object, render

AS_OBJECTS = "-with-pipelines-as-objects"
Rendered = Callable[[str], list[Object]]


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory, release: Path) -> Rendered:
    """The objects of an overlay by its name, or of one that keeps pipelines as objects."""

    @cache
    def one(name: str) -> list[Object]:
        if not name.endswith(AS_OBJECTS):
            return render(MANIFESTS / "overlays" / name)
        copy = copied(tmp_path_factory.mktemp("objects"))
        shutil.copytree(release / "manifests", copy / "components/pipelines-crd/manifests")
        overlay = copy / "overlays" / name.removesuffix(AS_OBJECTS)
        kustomization = overlay / "kustomization.yaml"
        text = kustomization.read_text()
        kustomization.write_text(text.replace("pipelines-upload", "pipelines-crd"))
        return render(overlay)

    return one


def copied(folder: Path) -> Path:
    """A copy of the manifests to change."""
    # Without what somebody may have compiled there.
    ignored = shutil.ignore_patterns("pipelines", "manifests")
    return Path(shutil.copytree(MANIFESTS, folder / "copy", ignore=ignored))


@pytest.fixture(params=OVERLAYS)
def overlay(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def objects(overlay: str, rendered: Rendered) -> list[Object]:
    """The objects of each overlay in turn."""
    return rendered(overlay)


@pytest.fixture(params=[*OVERLAYS, *(name + AS_OBJECTS for name in OVERLAYS)])
def everything(request: pytest.FixtureRequest, rendered: Rendered) -> list[Object]:
    """The objects of each overlay in turn, with either way of keeping pipelines."""
    return rendered(str(request.param))
