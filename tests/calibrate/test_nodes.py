"""What Kubernetes says of nodes: which labels are read, and what is said where they are not."""

import socket
from pathlib import Path

import pytest

from leanstage.calibrate.nodes import (
    NodeError,
    labels_here,
    labels_or_reason,
    pool_profile,
)
from leanstage.cluster import ClusterError
from leanstage.contracts import HardwareProfile
from leanstage.errors import InputError
from tests.calibrate.nodes_api import GPU, NFD, XEON, Nodes, kubeconfig, node

SELECTOR = "pool=serving"


def test_labels_that_say_what_the_node_is_are_kept_and_no_others(
    cluster: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.nodes = [node("a", XEON | GPU), node("b", {})]
    monkeypatch.setenv("NODE_NAME", "a")
    labels = labels_here()
    assert labels[f"{NFD}/cpu-model.id"] == "143"
    assert labels["nvidia.com/gpu.product"] == "NVIDIA-H100-80GB-HBM3"
    assert labels["node.kubernetes.io/instance-type"] == "m7i.2xlarge"
    assert labels.items() <= (XEON | GPU).items()
    assert not {"kubernetes.io/hostname", "pool", f"{NFD}/kernel-version.full"} & labels.keys()
    # One node by its name: the account may not list.
    assert cluster.requests == ["/api/v1/nodes/a"]


def test_outside_of_a_pod_nobody_is_asked(cluster: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NODE_NAME", raising=False)
    assert labels_or_reason() == ({}, "")
    assert cluster.requests == []


def test_an_account_that_may_not_is_told_what_it_lacks(
    cluster: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.forbidden = True
    monkeypatch.setenv("NODE_NAME", "a")
    with pytest.raises(NodeError, match="ClusterRole leanstage-nodes"):
        labels_here()
    with pytest.raises(NodeError, match="the nodes pool=serving"):
        pool_profile(SELECTOR)
    labels, reason = labels_or_reason()
    assert labels == {}
    assert reason.startswith("the labels of the node are left out: Kubernetes does not let")


def test_a_node_that_is_gone(cluster: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NODE_NAME", "gone")
    with pytest.raises(NodeError, match="answered 404 Not Found for the node gone"):
        labels_here()


def test_a_cluster_that_cannot_be_reached(
    cluster: Nodes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{free.getsockname()[1]}"
        kubeconfig(tmp_path / "kubeconfig", nowhere)
        with pytest.raises(NodeError, match="Kubernetes cannot be reached for the nodes"):
            pool_profile(SELECTOR)


@pytest.mark.parametrize("text", [b"\xff\xfe\x00", b"clusters: 5", b"clusters: ["])
def test_a_kubeconfig_that_is_none(cluster: Nodes, tmp_path: Path, text: bytes) -> None:
    (tmp_path / "kubeconfig").write_bytes(text)
    with pytest.raises(ClusterError, match="configuration of the cluster cannot be read"):
        pool_profile(SELECTOR)


def test_without_any_configuration(
    cluster: Nodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KUBECONFIG")
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(NodeError, match="set KUBECONFIG, or run in a pod"):
        pool_profile(SELECTOR)


def test_a_pool_is_what_its_labels_say(cluster: Nodes) -> None:
    cluster.nodes = [
        node("a", XEON | GPU, cpu="16", memory="64Gi"),
        node("b", XEON | GPU, cpu="8", memory="32920440Ki"),
        node("c", {"pool": "training"}),
    ]
    found = pool_profile(SELECTOR, name="serving-pool")
    assert (found.name, found.family, found.model) == ("serving-pool", 6, 143)
    assert found.features == ("avx2", "avx512f", "avx512_vnni", "amx_bf16")
    # Of nodes of one kind, the smallest.
    assert (found.threads, found.memory_bytes) == (8, 32920440 * 1024)
    assert found.accelerators == ("NVIDIA-H100-80GB-HBM3",) * 2
    assert found.calibration is None


@pytest.mark.parametrize("shared", ["", "-SHARED", "-MIG-1g.10gb", "-MIG-1g.10gb-SHARED"])
def test_labels_and_the_kernel_name_the_same_kind_of_node(
    cluster: Nodes, profile: HardwareProfile, shared: str
) -> None:
    product = {"nvidia.com/gpu.product": f"NVIDIA-H100-80GB-HBM3{shared}"}
    cluster.nodes = [node("a", XEON | GPU | product)]
    kernel = profile.model_copy(update={"accelerators": ("NVIDIA H100 80GB HBM3",)})
    assert pool_profile(SELECTOR).node_sha256() == kernel.node_sha256()


def test_a_pool_of_two_kinds_is_refused(cluster: Nodes) -> None:
    other = XEON | {f"{NFD}/cpu-model.id": "106"}
    cluster.nodes = [node("a", XEON), node("b", other), node("c", XEON)]
    with pytest.raises(InputError, match=r"are of 2 kinds: c is .*model 143.*b is .*model 106"):
        pool_profile(SELECTOR)


def test_a_selector_that_fits_no_node(cluster: Nodes) -> None:
    cluster.nodes = [node("a", XEON)]
    with pytest.raises(InputError, match="no node has the labels pool=training"):
        pool_profile("pool=training")


def test_nodes_that_nfd_has_not_labelled(cluster: Nodes) -> None:
    cluster.nodes = [node("a", {"pool": "serving", "kubernetes.io/arch": "amd64"})]
    with pytest.raises(InputError, match="node a has no labels of Node Feature Discovery"):
        pool_profile(SELECTOR)


def test_arm_nodes_that_no_label_tells_apart(cluster: Nodes) -> None:
    cluster.nodes = [node("a", XEON | {"kubernetes.io/arch": "arm64"})]
    with pytest.raises(InputError, match="do not tell which Arm processor it has"):
        pool_profile(SELECTOR)
