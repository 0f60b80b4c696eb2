"""Facts about nodes as Kubernetes labels them: Node Feature Discovery, GPU feature discovery."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from leanstage.cluster import ClusterError, api_configuration
from leanstage.contracts import HardwareProfile
from leanstage.errors import InputError

if TYPE_CHECKING:
    from kubernetes.client import CoreV1Api

NODE_VARIABLE = "NODE_NAME"
"""The node of this pod, by the downward API."""

_CPU = "feature.node.kubernetes.io/cpu-"
_GPU = "nvidia.com/gpu."
_KEPT = (
    f"{_CPU}cpuid.",
    f"{_CPU}model.",
    f"{_GPU}compute.",
    f"{_GPU}count",
    f"{_GPU}family",
    f"{_GPU}memory",
    f"{_GPU}product",
    "kubernetes.io/arch",
    "node.kubernetes.io/instance-type",
)
"""Labels that say what a node is; others say where it is or what runs on it."""
_FEATURES = {
    "AVX2": "avx2",
    "AVX512F": "avx512f",
    "AVX512VNNI": "avx512_vnni",
    "AVX512BF16": "avx512_bf16",
    "AVXVNNI": "avx_vnni",
    "AMXINT8": "amx_int8",
    "AMXBF16": "amx_bf16",
}
"""Instruction sets, from the names of NFD to those of the kernel."""
_SECONDS = 20


class NodeError(ClusterError):
    """Kubernetes cannot be reached or does not let us read nodes."""


def labels_here() -> dict[str, str]:
    """Labels of the node that this pod runs on; empty where no node is named.

    Raises:
        ClusterError: Kubernetes does not tell.
    """
    name = os.environ.get(NODE_VARIABLE)
    if not name:
        return {}
    with _refusals(f"the node {name}"):
        node = _client().read_node(name, _request_timeout=_SECONDS)
    return _kept(node.metadata.labels or {})


def labels_or_reason() -> tuple[dict[str, str], str]:
    """The same, or why there are none, as a sentence: a measurement can do without."""
    try:
        return labels_here(), ""
    except ClusterError as error:
        return {}, f"the labels of the node are left out: {error}"


def pool_profile(selector: str, *, name: str = "") -> HardwareProfile:
    """The profile of the nodes with these labels, which have to be of one kind; not calibrated.

    Args:
        selector: as ``kubectl get nodes -l`` takes it.
        name: what policies and runs call the profile.

    Raises:
        InputError: no such node, nodes of several kinds, or without the labels of NFD.
        ClusterError: Kubernetes does not tell.
    """
    with _refusals(f"the nodes {selector}"):
        nodes = _client().list_node(label_selector=selector, _request_timeout=_SECONDS).items
    if not nodes:
        raise InputError(f"no node has the labels {selector}; see kubectl get nodes --show-labels.")
    profiles = {node.metadata.name: _profile(node, name) for node in nodes}
    kinds = {profile.node_sha256(): where for where, profile in profiles.items()}
    if len(kinds) > 1:
        one, other, *_ = kinds.values()
        raise InputError(
            f"the nodes {selector} are of {len(kinds)} kinds: {one} is {profiles[one].kind()}; "
            f"{other} is {profiles[other].kind()}; select nodes of one kind."
        )
    return min(profiles.values(), key=lambda profile: (profile.threads, profile.memory_bytes))


def _profile(node: Any, name: str) -> HardwareProfile:
    from kubernetes.utils import parse_quantity

    labels = node.metadata.labels or {}
    family, model = (_integer(labels.get(f"{_CPU}model.{part}")) for part in ("family", "id"))
    if labels.get("kubernetes.io/arch") == "arm64":
        raise InputError(
            f"the labels of the node {node.metadata.name} do not tell which Arm processor it has; "
            "calibrate on the node itself."
        )
    if family is None or model is None:
        raise InputError(
            f"the node {node.metadata.name} has no labels of Node Feature Discovery "
            f"({_CPU}model.family); install it, or calibrate on the node itself."
        )
    vendor = labels.get(f"{_CPU}model.vendor_id", "unknown")
    capacity = node.status.capacity
    # A GPU that is shared or cut up is what the driver names without these endings.
    product = re.sub(r"(-MIG-[^-]+)?(-SHARED)?$", "", labels.get(f"{_GPU}product", ""))
    return HardwareProfile(
        name=name,
        cpu=f"{vendor} {labels.get('node.kubernetes.io/instance-type', 'node')}",
        family=family,
        model=model,
        threads=int(parse_quantity(capacity["cpu"])),
        memory_bytes=int(parse_quantity(capacity["memory"])),
        features=tuple(
            ours for theirs, ours in _FEATURES.items() if labels.get(f"{_CPU}cpuid.{theirs}")
        ),
        accelerators=(product,) * (_integer(labels.get(f"{_GPU}count")) or 1) if product else (),
        labels=_kept(labels),
    )


def _kept(labels: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in sorted(labels.items()) if key.startswith(_KEPT)}


def _client() -> "CoreV1Api":
    from kubernetes import client

    configuration = api_configuration()
    if configuration is None:
        raise NodeError("no cluster can be asked for nodes; set KUBECONFIG, or run in a pod.")
    # A cluster that is away is said at once, not after three waits.
    configuration.retries = False
    return client.CoreV1Api(client.ApiClient(configuration))


@contextmanager
def _refusals(what: str) -> Iterator[None]:
    from kubernetes.client import ApiException
    from urllib3.exceptions import HTTPError

    try:
        yield
    except ApiException as error:
        if error.status == 403:
            raise NodeError(
                f"Kubernetes does not let this account read {what}; let it get nodes (the "
                "ClusterRole leanstage-nodes), and list them for --nodes."
            ) from error
        raise NodeError(f"Kubernetes answered {error.status} {error.reason} for {what}.") from error
    except HTTPError as error:
        first = str(error).partition("\n")[0]
        raise NodeError(f"Kubernetes cannot be reached for {what}: {first}") from error


def _integer(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() else None
