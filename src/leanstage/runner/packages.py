"""Compiled packages: every pipeline and component as IR YAML, pipelines as resources too."""

import re
import tempfile
from pathlib import Path
from typing import Any

from leanstage import __version__, components
from leanstage.contracts.base import write_atomically
from leanstage.pipelines import PIPELINES, Platform, on_platform
from leanstage.runner.documents import Package, name_version, read_package
from leanstage.runner.images import Target


def compiled(
    name: str,
    path: Path,
    *,
    registry: str = "",
    tag: str = "",
    digests: dict[str, str] | None = None,
    platform: Platform | None = None,
) -> dict[str, Any]:
    """Compile a pipeline for a cluster and write it to ``path``, as ``kfp.Client`` takes it.

    Args:
        name: a key of :data:`leanstage.pipelines.PIPELINES`.
        path: a file that ends in ``.yaml``.
        registry, tag, digests: see :class:`leanstage.runner.images.Target`.
        platform: settings of the cluster; None takes :meth:`Platform.here`.

    Returns:
        The pipeline spec, as the first document of the file has it.
    """
    target = Target(registry, tag, digests or {})
    package = pipeline_package(name, target=target, platform=platform or Platform.here())
    write_atomically(path, package.text().encode())
    return package.spec


def pipeline_package(name: str, *, target: Target, platform: Platform) -> Package:
    """A pipeline compiled for a cluster."""
    return _compiled(on_platform(PIPELINES[name], platform), target)


def pipeline_resources(name: str, *, target: Target, platform: Platform) -> Package:
    """The same as a ``Pipeline`` and a ``PipelineVersion`` for ``kubectl apply``.

    The version is named after the release and a fingerprint of its content: what a cluster holds
    under a name cannot be changed.
    """
    from kfp.compiler.compiler_utils import KubernetesManifestOptions

    component = on_platform(PIPELINES[name], platform)
    options = KubernetesManifestOptions(include_pipeline_manifest=True)
    package = _compiled(
        component, target, kubernetes_manifest_format=True, kubernetes_manifest_options=options
    )
    release = re.sub(r"[^a-z0-9.]+", "-", __version__.lower())
    for document in package.documents:
        if document["kind"] == "PipelineVersion":
            name_version(document, f"{component.name}-{release}")
    return package


def component_package(name: str, *, target: Target) -> Package:
    """A component that other DAGs load, with ``kfp.components.load_component_from_file``."""
    return _compiled(getattr(components, name), target)


def write_packages(
    out: Path, *, target: Target | None = None, platform: Platform | None = None
) -> list[Path]:
    """Compile everything below ``out``; returns what was written.

    ``pipelines/*.yaml`` to upload, ``manifests/*.yaml`` for clusters that keep pipelines as
    resources, and ``components/*.yaml`` for the DAGs of others.
    """
    images, platform = target or Target(), platform or Platform.here()
    packages = {}
    for name in PIPELINES:
        packages[f"pipelines/{name}.yaml"] = pipeline_package(
            name, target=images, platform=platform
        )
        packages[f"manifests/{name}.yaml"] = pipeline_resources(
            name, target=images, platform=platform
        )
    for name in components.__all__:
        packages[f"components/{name}.yaml"] = component_package(name, target=images)
    for place, package in packages.items():
        write_atomically(out / place, package.text().encode())
    return [out / place for place in packages]


def _compiled(component: Any, target: Target, **options: Any) -> Package:
    from kfp.compiler import Compiler

    with tempfile.TemporaryDirectory(prefix="leanstage-compile-") as scratch:
        path = Path(scratch) / "package.yaml"
        Compiler().compile(component, str(path), **options)
        package = read_package(path)
    package.retarget(target)
    return package
