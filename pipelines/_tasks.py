"""Platform settings on tasks."""

from typing import Any, NamedTuple

from kfp import dsl

from leanstage.calibrate.nodes import NODE_VARIABLE
from leanstage.errors import InputError
from leanstage.gate.attestation.signer import KEY_VARIABLE
from leanstage.gate.attestation.trust import TRUST_VARIABLE
from leanstage.gate.policies.place import (
    IN_MLFLOW,
    POLICY_VARIABLE,
    TREE_FILES,
    TREE_VARIABLE,
)
from leanstage.pipelines._platform import Nodes, Platform, Volume

MOUNTS = "/etc/leanstage"
SCRATCH = "/scratch"

TRAINING = ("distill", "prune")
TIMED = ("quantize", "evaluate", "energy_measure", "calibrate")
REGISTRY = (
    "resolve",
    "receive",
    "recall",
    "propose",
    "gate",
    "report",
    "promote",
    "calibrate",
    "inventory",
    "ask",
)
"""What talks to MLflow, and gets its account and that of the object store."""
RULED = ("resolve", "receive", "plan", "gate", "inventory", "ask")
"""What reads the policies, or the decision tree's own branches beside them."""
VERIFYING = ("recall", "gate", "report", "promote", "inventory")
SIGNING = ("gate",)
MEASURING = ("evaluate", "energy_measure")
"""What may ask a server instead of loading a model, and a meter elsewhere."""
NODES = ("calibrate",)
"""What asks Kubernetes about the node it is on."""
KNOWN = tuple(dict.fromkeys((*TRAINING, *TIMED, *REGISTRY, "plan")))

SIZES = {"evaluate": "serving", "energy_measure": "serving", "calibrate": "serving"} | {
    name: name for name in (*TRAINING, "quantize")
}
"""Which size of :class:`Platform` a component takes; the others take ``control``."""


class Resources(NamedTuple):
    """A size as text, or as the run parameters that hold it."""

    cpu: Any
    memory: Any
    accelerators: Any
    accelerator: Any


def with_platform(
    task: dsl.PipelineTask, settings: Platform, *, like: str | None = None
) -> dsl.PipelineTask:
    """Give a task in a DAG of your own what the component of its kind gets in ours.

    Args:
        task: a task of one of our components, or of yours.
        settings: the cluster.
        like: the component whose settings a task of yours takes, such as ``evaluate``.

    Returns:
        The task, for chaining.

    Raises:
        InputError: the task is none of ours and ``like`` does not say what it resembles.
    """
    return apply(task, settings, like or role_of(task))


def role_of(task: dsl.PipelineTask) -> str:
    """The component of ours that a task runs, by the name that it would have."""
    return str(task.component_spec.name).replace("-", "_")


def apply(
    task: dsl.PipelineTask,
    platform: Platform,
    role: str,
    resources: Resources | None = None,
    selector: Any = None,
) -> dsl.PipelineTask:
    """Give a task what the component ``role`` gets.

    Args:
        resources: instead of those of the platform.
        selector: of nodes, instead of that of the platform.
    """
    if role not in KNOWN:
        raise InputError(
            f"{role!r} is no component of leanstage; say which one the task is like: "
            f"{', '.join(KNOWN)}."
        )
    _resources(task, resources or resources_of(platform, SIZES.get(role, "control")))
    _nodes(task, _nodes_of(platform, role), selector)
    _environment(task, platform, role)
    _mounts(task, platform, role)
    if role in TRAINING and platform.retries.count:
        task.set_retry(
            platform.retries.count,
            backoff_duration=f"{platform.retries.seconds}s",
            backoff_factor=platform.retries.factor,
            backoff_max_duration=f"{platform.retries.most_seconds}s",
        )
    return task


def resources_of(platform: Platform, size: str) -> Resources:
    """A size of the platform as text, as Kubernetes and the run form take it."""
    found = getattr(platform, size)
    return Resources(found.cpu, found.memory, str(found.accelerators), platform.accelerator)


def _resources(task: dsl.PipelineTask, resources: Resources) -> None:
    task.set_cpu_limit(resources.cpu).set_memory_limit(resources.memory)
    # A run parameter compares to anything as a condition of the DAG; its text does not.
    if str(resources.accelerators) != "0":
        task.set_accelerator_type(resources.accelerator)
        task.set_accelerator_limit(resources.accelerators)


def _nodes_of(platform: Platform, role: str) -> Nodes:
    if role in TRAINING:
        return platform.training_nodes
    return platform.serving_nodes if role in TIMED else platform.control_nodes


def _nodes(task: dsl.PipelineTask, nodes: Nodes, selector: Any) -> None:
    from kfp import kubernetes

    if selector is not None:
        kubernetes.add_node_selector_json(task, selector)
    elif nodes.selector:
        kubernetes.add_node_selector_json(task, dict(nodes.selector))
    for toleration in nodes.tolerations:
        kubernetes.add_toleration(task, **toleration.model_dump(exclude_none=True))


def _environment(task: dsl.PipelineTask, platform: Platform, role: str) -> None:
    from kfp import kubernetes

    if platform.image_pull_secrets:
        kubernetes.set_image_pull_secrets(task, list(platform.image_pull_secrets))
    if role in NODES:
        kubernetes.use_field_path_as_env(task, NODE_VARIABLE, "spec.nodeName")
    if role == "energy_measure":
        for variable, field in (("POD_NAME", "name"), ("POD_NAMESPACE", "namespace")):
            kubernetes.use_field_path_as_env(task, variable, f"metadata.{field}")
    if role in MEASURING and (secret := platform.measuring) is not None:
        kubernetes.use_secret_as_env(task, secret.name, dict(secret.keys), secret.optional)
    if role not in REGISTRY:
        return
    if (found := platform.settings) is not None:
        kubernetes.use_config_map_as_env(task, found.name, dict(found.keys), found.optional)
    for secret in (platform.mlflow, platform.object_store):
        if secret is not None:
            kubernetes.use_secret_as_env(task, secret.name, dict(secret.keys), secret.optional)


def _mounts(task: dsl.PipelineTask, platform: Platform, role: str) -> None:
    from kfp import kubernetes

    if role in RULED and platform.policies is not None:
        place = platform.policies
        if not place.startswith(IN_MLFLOW):
            place = f"{MOUNTS}/policies"
            kubernetes.use_config_map_as_volume(task, platform.policies, place, optional=True)
        task.set_env_variable(POLICY_VARIABLE, place)
    if role == "plan" and platform.tree is not None:
        place = f"{MOUNTS}/tree"
        kubernetes.use_config_map_as_volume(task, platform.tree, place, optional=True)
        task.set_env_variable(TREE_VARIABLE, f"{place}/{TREE_FILES[0]}")
    if role in VERIFYING and platform.trust is not None:
        place = f"{MOUNTS}/trust"
        kubernetes.use_config_map_as_volume(task, platform.trust, place, optional=True)
        task.set_env_variable(TRUST_VARIABLE, place)
    if role in SIGNING and platform.key is not None:
        place = f"{MOUNTS}/key"
        kubernetes.use_secret_as_volume(task, platform.key, place, optional=True)
        task.set_env_variable(KEY_VARIABLE, f"{place}/leanstage.key")
    if role in TRAINING:
        kubernetes.empty_dir_mount(task, "shm", "/dev/shm", "Memory", platform.shared_memory)
    if platform.scratch is not None:
        _scratch(task, platform.scratch)


def _scratch(task: dsl.PipelineTask, volume: Volume) -> None:
    from kfp import kubernetes

    kubernetes.add_ephemeral_volume(
        task, "scratch", SCRATCH, [volume.access_mode], volume.size, volume.storage_class
    )
    task.set_env_variable("TMPDIR", SCRATCH)
