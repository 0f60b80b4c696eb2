"""Network policies: nothing by default, and for each pod the ways that it takes."""

from typing import Any
from urllib.parse import urlsplit

from leanstage.trigger.settings import Settings
from tests.manifests.kustomize import Object, kinds, named, settings_of, speaking, templates

DNS = {("UDP", 53), ("TCP", 53)}


def test_whatever_is_not_named_is_denied_to_every_pod_of_ours(objects: list[Object]) -> None:
    deny = named(objects, "NetworkPolicy", "leanstage-deny")["spec"]
    assert set(deny) == {"podSelector", "policyTypes"}
    assert set(deny["policyTypes"]) == {"Ingress", "Egress"}
    for template in templates(objects).values():
        assert _selects(deny, template)


def test_no_policy_touches_a_pod_that_is_not_ours(objects: list[Object]) -> None:
    ours = list(templates(objects).values())
    for policy in kinds(objects, "NetworkPolicy"):
        # An empty selector would take every pod in the namespace, those of Kubeflow included.
        labels = policy["spec"]["podSelector"]["matchLabels"]
        assert all(label.startswith("app.kubernetes.io/") for label in labels)
        assert any(_selects(policy["spec"], template) for template in ours)


def test_every_pod_finds_names(objects: list[Object]) -> None:
    for template in templates(objects).values():
        ways = _ways(objects, template, "egress")
        assert any(_ports(way) == DNS and "to" not in way for way in ways)


def test_whoever_asks_pipelines_reaches_them_and_no_other(objects: list[Object]) -> None:
    host = urlsplit(settings_of(objects)["LEANSTAGE_KFP_HOST"])
    assert host.hostname is not None
    service, namespace = host.hostname.split(".")[:2]
    audit = _ways(objects, templates(objects)["leanstage-audit"], "egress")
    assert not any(("TCP", host.port) in _ports(way) for way in audit)
    for template in speaking(objects).values():
        ways = _ways(objects, template, "egress")
        (pipelines,) = (way for way in ways if ("TCP", host.port) in _ports(way))
        (peer,) = pipelines["to"]
        assert peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] == namespace
        assert peer["podSelector"]["matchLabels"] == {"app": service}


def test_only_trigger_and_audit_reach_mlflow_and_only_there(objects: list[Object]) -> None:
    uri = urlsplit(settings_of(objects)["MLFLOW_TRACKING_URI"])
    assert uri.hostname is not None
    ways = {
        name: [
            way for way in _ways(objects, template, "egress") if ("TCP", uri.port) in _ports(way)
        ]
        for name, template in templates(objects).items()
    }
    for name in ("leanstage-trigger", "leanstage-audit"):
        (way,) = ways.pop(name)
        assert _namespaces(way["to"]) == {uri.hostname.split(".")[1]}
    assert all(found == [] for found in ways.values())


def test_only_the_audit_reaches_the_kubernetes_api_and_prometheus(objects: list[Object]) -> None:
    for name, template in templates(objects).items():
        ways = _ways(objects, template, "egress")
        anywhere = [way for way in ways if "to" not in way and _ports(way) != DNS]
        monitoring = [way for way in ways if "monitoring" in _namespaces(way.get("to", []))]
        if name == "leanstage-audit":
            assert [_ports(way) for way in anywhere] == [{("TCP", 443), ("TCP", 6443)}]
            assert [_ports(way) for way in monitoring] == [{("TCP", 9090)}]
        else:
            assert anywhere == monitoring == []


def test_only_mlflow_and_the_monitoring_reach_the_trigger(objects: list[Object]) -> None:
    for name, template in templates(objects).items():
        ways = _ways(objects, template, "ingress")
        if name != "leanstage-trigger":
            assert ways == []
            continue
        assert {peer for way in ways for peer in _namespaces(way["from"])} == {
            "mlflow", "monitoring",
        }  # fmt: skip
        assert [_ports(way) for way in ways] == [{("TCP", Settings().port)}] * 2


def _selects(spec: Object, template: Object) -> bool:
    wanted: dict[str, Any] = spec["podSelector"]["matchLabels"]
    return bool(wanted.items() <= template["metadata"]["labels"].items())


def _ways(objects: list[Object], template: Object, direction: str) -> list[Object]:
    """What policies let a pod do in a direction."""
    return [
        way
        for policy in kinds(objects, "NetworkPolicy")
        if _selects(policy["spec"], template)
        for way in policy["spec"].get(direction, [])
    ]


def _ports(way: Object) -> set[tuple[str, int]]:
    return {(port.get("protocol", "TCP"), port["port"]) for port in way["ports"]}


def _namespaces(peers: list[Object]) -> set[str]:
    return {
        peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] for peer in peers
    }
