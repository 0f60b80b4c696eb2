"""The cluster that a pipeline is compiled for: its part of the run form, its settings on tasks."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from kfp import dsl

from leanstage.pipelines._platform import Platform
from leanstage.pipelines._tasks import SIZES, TIMED, Resources, apply, resources_of, role_of

WORKER = "worker_"
SELECTOR = f"{WORKER}serving_nodes"
ACCELERATOR = f"{WORKER}accelerator"
SIZED = {
    "distill": "`distill`",
    "prune": "`prune`",
    "quantize": "`quantize`",
    "serving": "the tasks that measure on the serving nodes: what the model has there",
}
"""Tasks whose resources the form asks, by the size of :class:`Platform` that they take."""
QUANTITIES = {
    "cpu": "CPU cores of {task}.",
    "memory": "memory of {task}.",
    "accelerators": "accelerators of {task}.",
}


@dataclass(frozen=True)
class Asked:
    """A parameter that only the form of a cluster has."""

    default: Any
    kind: type
    sentence: str


def asked_of(platform: Platform, sized: tuple[str, ...]) -> dict[str, Asked]:
    """What the form asks on a cluster, by parameter.

    Resources are text: where a pod takes them from, KFP reads a number as nothing.
    """
    found = {}
    for size in sized:
        defaults = resources_of(platform, size)._asdict()
        for quantity, sentence in QUANTITIES.items():
            explained = sentence.format(task=SIZED[size])
            found[f"{WORKER}{size}_{quantity}"] = Asked(defaults[quantity], str, explained)
    if sized:
        sentence = "the Kubernetes resource that an accelerator is."
        found[ACCELERATOR] = Asked(platform.accelerator, str, sentence)
    if {"quantize", "serving"} & set(sized):
        sentence = "labels, as JSON, of the nodes that will serve the model; timed tasks run there."
        found[SELECTOR] = Asked(dict(platform.serving_nodes.selector), dict, sentence)
    return found


@dataclass(frozen=True)
class Compiling:
    """A cluster, and the run parameters that say what its tasks get."""

    platform: Platform
    resources: Mapping[str, Resources]
    serving_selector: Any

    @classmethod
    def of(
        cls, platform: Platform, sized: tuple[str, ...], given: Mapping[str, Any]
    ) -> "Compiling":
        """From the parameters that :func:`asked_of` named."""
        resources = {}
        for size in sized:
            cpu, memory, count = (given[f"{WORKER}{size}_{quantity}"] for quantity in QUANTITIES)
            resources[size] = Resources(cpu, memory, count, given[ACCELERATOR])
        return cls(platform, resources, given.get(SELECTOR))


_compiling: ContextVar[Compiling | None] = ContextVar("compiling", default=None)


@contextmanager
def compiling(settings: Compiling | None) -> Iterator[None]:
    """Have :func:`placed` and :func:`checkpoints` follow ``settings``."""
    token = _compiling.set(settings)
    try:
        yield
    finally:
        _compiling.reset(token)


def placed(task: dsl.PipelineTask) -> dsl.PipelineTask:
    """A task of ours with the settings of the cluster that is compiled for, if any."""
    settings = _compiling.get()
    if settings is None:
        return task
    role = role_of(task)
    resources = settings.resources.get(SIZES.get(role, ""))
    selector = settings.serving_selector if role in TIMED else None
    return apply(task, settings.platform, role, resources, selector)


def checkpoints() -> str:
    """Where trainings of the run keep checkpoints: on its workspace volume, else nowhere."""
    settings = _compiling.get()
    if settings is None or settings.platform.workspace is None:
        return ""
    return f"{dsl.WORKSPACE_PATH_PLACEHOLDER}/checkpoints"


def config_of(platform: Platform) -> dsl.PipelineConfig:
    """What a cluster gives to a run as a whole."""
    workspace = None
    if (volume := platform.workspace) is not None:
        claim: dict[str, Any] = {"accessModes": [volume.access_mode]}
        if volume.storage_class is not None:
            claim["storageClassName"] = volume.storage_class
        kubernetes = dsl.KubernetesWorkspaceConfig(pvcSpecPatch=claim)
        workspace = dsl.WorkspaceConfig(size=volume.size, kubernetes=kubernetes)
    return dsl.PipelineConfig(workspace=workspace, ttl_seconds_after_finished=platform.ttl_seconds)
