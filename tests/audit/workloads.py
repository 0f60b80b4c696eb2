"""Objects of Kubernetes that serve models, as users write them."""

from typing import Any

Object = dict[str, Any]


def service(name: str, predictor: Object, **fields: Any) -> Object:
    """An InferenceService in ``team-a``."""
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": _metadata(name, fields.pop("annotations", {})),
        "spec": {"predictor": predictor},
        **fields,
    }


def model(uri: str, **fields: Any) -> Object:
    """A predictor of the newer form."""
    return {"model": {"modelFormat": {"name": "huggingface"}, "storageUri": uri, **fields}}


def deployment(name: str, container: Object, **fields: Any) -> Object:
    """A Deployment in ``team-a``; ``fields``: kind, annotations, labels, replicas, init."""
    pod: Object = {"containers": [{"name": "server", **container}]}
    if "init" in fields:
        pod["initContainers"] = [{"name": "fetch", **fields["init"]}]
    kind = fields.get("kind", "Deployment")
    found: Object = {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": _metadata(name, fields.get("annotations", {})),
        "spec": {
            "replicas": fields.get("replicas", 1),
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": pod},
        },
    }
    if kind == "StatefulSet":
        found["spec"]["serviceName"] = name
    found["metadata"]["labels"] = fields.get("labels", {})
    return found


def _metadata(name: str, annotations: dict[str, str]) -> Object:
    return {
        "name": name,
        "namespace": "team-a",
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "annotations": annotations,
    }
