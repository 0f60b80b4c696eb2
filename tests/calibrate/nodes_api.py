"""A stand-in for the part of the Kubernetes API that knows nodes, over real HTTP."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.http_stub import answering

Object = dict[str, Any]
NFD = "feature.node.kubernetes.io"
XEON = {
    f"{NFD}/cpu-model.vendor_id": "Intel",
    f"{NFD}/cpu-model.family": "6",
    f"{NFD}/cpu-model.id": "143",
    f"{NFD}/cpu-cpuid.AVX2": "true",
    f"{NFD}/cpu-cpuid.AVX512F": "true",
    f"{NFD}/cpu-cpuid.AVX512VNNI": "true",
    f"{NFD}/cpu-cpuid.AMXBF16": "true",
    f"{NFD}/kernel-version.full": "6.8.0",
    "kubernetes.io/arch": "amd64",
    "kubernetes.io/hostname": "node-of-a-customer",
    "node.kubernetes.io/instance-type": "m7i.2xlarge",
    "pool": "serving",
}
"""As Node Feature Discovery labels a Sapphire Rapids server."""
GPU = {
    "nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3",
    "nvidia.com/gpu.memory": "81559",
    "nvidia.com/gpu.compute.major": "9",
    "nvidia.com/gpu.count": "2",
}
"""What GPU feature discovery adds."""


def node(name: str, labels: dict[str, str], *, cpu: str = "8", memory: str = "32Gi") -> Object:
    capacity = {"cpu": cpu, "memory": memory, "pods": "110"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "status": {"capacity": capacity, "allocatable": capacity},
    }


@dataclass
class Nodes:
    """The nodes of a cluster; ``forbidden`` answers every request with 403."""

    nodes: list[Object] = field(default_factory=list)
    forbidden: bool = False
    requests: list[str] = field(default_factory=list)
    uri: str = ""

    def answer(self, path: str, query: dict[str, str]) -> tuple[int, Object]:
        if self.forbidden:
            message = 'nodes is forbidden: User "system:serviceaccount:a:b" cannot get resource'
            return 403, _status(403, "Forbidden", message)
        name = path.removeprefix("/api/v1/nodes").strip("/")
        if name:
            found = [each for each in self.nodes if each["metadata"]["name"] == name]
            message = f'nodes "{name}" not found'
            return (200, found[0]) if found else (404, _status(404, "NotFound", message))
        wanted = dict(part.split("=") for part in query["labelSelector"].split(","))
        items = [
            each for each in self.nodes if wanted.items() <= each["metadata"]["labels"].items()
        ]
        return 200, {"apiVersion": "v1", "kind": "NodeList", "metadata": {}, "items": items}


def _status(code: int, reason: str, message: str) -> Object:
    return {
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code,
    }  # fmt: skip


@contextmanager
def serving(state: Nodes) -> Iterator[Nodes]:
    """Serve the nodes on this machine alone."""

    def answer(path: str, query: dict[str, str], _: str | None) -> tuple[int, bytes]:
        state.requests.append(path)
        code, body = state.answer(path, query)
        return code, json.dumps(body).encode()

    with answering(answer) as state.uri:
        yield state


def kubeconfig(path: Path, uri: str) -> Path:
    """A kubeconfig for the cluster at ``uri``."""
    place = {"cluster": "here", "user": "me"}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "clusters": [{"name": "here", "cluster": {"server": uri}}],
        "users": [{"name": "me", "user": {"token": "a-token"}}],
        "contexts": [{"name": "here", "context": place}],
    }
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path
