"""Objects of Kubernetes as what they serve: InferenceServices, Deployments, StatefulSets."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from leanstage.audit.servers import Served, is_local, place, served
from leanstage.contracts import Deployed, DeployedKind

MODEL = "leanstage.io/model"
"""Annotation: the registered model whose champion this is to serve."""
STORAGE = "leanstage.io/storage"
"""Annotation: where the model comes from, where no address in the specification says it."""
IGNORED = "leanstage.io/audit"
"""Annotation: ``ignore`` for what serves no model after all."""
_OWNED = "serving.kserve.io/inferenceservice"
"""Label of what KServe makes of the InferenceService that it names."""
_FORMATS = (
    "sklearn", "xgboost", "tensorflow", "pytorch", "triton", "onnx", "huggingface", "pmml",
    "lightgbm", "paddle",
)  # fmt: skip
_ACCELERATORS = ("gpu", "gaudi", "tpu", "neuron", "npu")

Object = Mapping[str, Any]


class Found(NamedTuple):
    """What serves, and when it was made.

    Attributes:
        disputed: where its annotation says that its model comes from, against its specification.
        service: the InferenceService that its label says it was made for.
        ignored: its annotation says that it serves no model.
    """

    deployed: Deployed
    made: datetime | None
    disputed: str = ""
    service: str = ""
    ignored: bool = False


def of_service(found: Object) -> Iterator[Found]:
    """What an InferenceService serves, whichever way its predictor is written."""
    predictor = _map(_map(found.get("spec")).get("predictor"))
    server, storage, container = _predictor(predictor)
    share = _newest_share(found, predictor)
    yield from _made("InferenceService", found, Served(server, storage), container, share)


def of_workload(kind: DeployedKind, found: Object) -> Iterator[Found]:
    """What a Deployment or StatefulSet serves; nothing where nothing tells that it does."""
    pod = _map(_map(_map(found.get("spec")).get("template")).get("spec"))
    for container in pod.get("containers") or ():
        one = served(container)
        if one is not None:
            fetched = one if one.storage else one._replace(storage=_fetched(pod))
            yield from _made(kind, found, fetched, container, None)
            return
    if STORAGE in _annotations(found) or MODEL in _annotations(found):
        first = _map(next(iter(pod.get("containers") or ()), None))
        yield from _made(kind, found, Served("", _fetched(pod)), first, None)


def _predictor(predictor: Object) -> tuple[str, str | None, Object]:
    """Server, storage and container of a predictor."""
    model = _map(predictor.get("model"))
    if model:
        server = str(model.get("runtime") or _map(model.get("modelFormat")).get("name") or "")
        return server, _stored(model), model
    for name in _FORMATS:
        if name in predictor:
            return name, _stored(_map(predictor[name])), _map(predictor[name])
    for container in predictor.get("containers") or ():
        one = served(container)
        if one is not None:
            return one.server, one.storage, container
    return "", None, _map(next(iter(predictor.get("containers") or ()), None))


def _stored(model: Object) -> str | None:
    storage = _map(model.get("storage"))
    uri = model.get("storageUri") or storage.get("storageUri")
    if uri:
        return place(str(uri))
    if storage.get("path"):
        # The bucket stands in the Secret that the key names; what is read here is a path in it.
        bucket = _map(storage.get("parameters")).get("bucket")
        path = str(storage["path"])
        return place(f"s3://{bucket}/{path.lstrip('/')}") if bucket else path
    one = served({**model, "image": "kserve/huggingfaceserver"})
    return one.storage if one else None


def _newest_share(found: Object, predictor: Object) -> int | None:
    """Percent of the requests that what is specified gets; None where it is all of them."""
    component = _map(_map(_map(found.get("status")).get("components")).get("predictor"))
    shares = component.get("traffic") or ()
    newest = component.get("latestCreatedRevision")
    if shares and newest:
        percent = sum(
            int(each.get("percent") or 0) for each in shares if each.get("revisionName") == newest
        )
    else:
        percent = int(predictor.get("canaryTrafficPercent", 100))
    return None if percent >= 100 else max(0, percent)


def _made(
    kind: DeployedKind, found: Object, one: Served, container: Object, share: int | None
) -> Iterator[Found]:
    annotations = _annotations(found)
    metadata, spec = _map(found.get("metadata")), _map(found.get("spec"))
    stated = place(str(annotations.get(STORAGE) or ""))
    said = None if is_local(one.storage) else one.storage
    yield Found(
        Deployed(
            kind=kind,
            namespace=str(metadata.get("namespace") or ""),
            name=str(metadata.get("name") or ""),
            storage=said or stated or one.storage,
            server=one.server,
            replicas=None if kind == "InferenceService" else int(spec.get("replicas", 1)),
            accelerators=_accelerators(container),
            share_percent=share,
            model=annotations.get(MODEL),
        ),
        _time(metadata.get("creationTimestamp")),
        disputed=stated if said and stated and said != stated else "",
        service=str(_map(metadata.get("labels")).get(_OWNED) or ""),
        ignored=annotations.get(IGNORED) == "ignore",
    )


def _fetched(pod: Object) -> str | None:
    """What an init container of KServe's storage initializer fetches."""
    for container in pod.get("initContainers") or ():
        arguments = container.get("args") or ()
        if "storage-initializer" in str(container.get("image")) and arguments:
            return place(str(arguments[0]))
    return None


def _accelerators(container: Object) -> int:
    limits = _map(_map(container.get("resources")).get("limits"))
    return sum(
        int(count)
        for name, count in limits.items()
        if "/" in name and any(word in name for word in _ACCELERATORS) and str(count).isdigit()
    )


def _annotations(found: Object) -> Object:
    return _map(_map(found.get("metadata")).get("annotations"))


def _map(value: Any) -> Object:
    return value if isinstance(value, Mapping) else {}


def _time(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return None
