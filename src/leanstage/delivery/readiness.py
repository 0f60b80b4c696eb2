"""Does it serve? What an InferenceService and its pods say of one address."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from leanstage.delivery.service import Object

SOURCE = "internal.serving.kserve.io/storage-initializer-sourceuri"
"""KServe's annotation of a pod: where its files come from."""
_FAILED = ("BlockedByFailedLoad", "InvalidSpec")
_NEVER = ("ImagePullBackOff", "InvalidImageName", "CreateContainerConfigError")
"""Of a waiting container: what does not pass by itself."""
_PATIENCE = 2
"""Restarts after which a container that ends is given up: MLflow may be back for the next."""


class State(NamedTuple):
    """``waiting``, ``ready`` or ``failed``, and why, as a clause."""

    phase: Literal["waiting", "ready", "failed"]
    why: str


def state_of(service: Object, pods: Sequence[Object], uri: str) -> State:
    """How far a service is with serving ``uri``.

    A condition ``Ready`` alone says too little: where Deployments roll over, the pods of the model
    before keep it true. So a pod has to be ready that took its files from ``uri``; or none is left
    at all, where the service was ready and scaled to zero.
    """
    mine = [pod for pod in pods if _source(pod) == uri and not _ends(pod)]
    for pod in mine:
        if (why := _broken(pod)) is not None:
            return State("failed", why)
    metadata, status = service.get("metadata") or {}, service.get("status") or {}
    seen = status.get("observedGeneration")
    if seen is not None and seen < metadata.get("generation", 0):
        return State("waiting", "KServe has not looked at the change yet")
    model = status.get("modelStatus") or {}
    if model.get("transitionStatus") in _FAILED:
        return State("failed", _failure(model))
    ready = _condition(status, "Ready")
    if ready.get("status") != "True":
        return State("waiting", _because(ready, "KServe does not say that it is ready"))
    if model.get("transitionStatus") == "InProgress":
        return State("waiting", "the model before still serves")
    if any(_condition(pod.get("status") or {}, "Ready").get("status") == "True" for pod in mine):
        return State("ready", f"{len(mine)} pods with it")
    others = [pod for pod in pods if not _ends(pod)]
    if not others and model.get("transitionStatus") == "UpToDate":
        return State("ready", "scaled to zero")
    return State("waiting", "no pod of it is ready")


def _source(pod: Object) -> str | None:
    metadata = pod.get("metadata") or {}
    return (metadata.get("annotations") or {}).get(SOURCE)


def _ends(pod: Object) -> bool:
    return (pod.get("metadata") or {}).get("deletionTimestamp") is not None


def _broken(pod: Object) -> str | None:
    """Why a pod will not come up by itself, in the container's own last words."""
    status = pod.get("status") or {}
    containers = [
        *(status.get("initContainerStatuses") or []),
        *(status.get("containerStatuses") or []),
    ]
    for container in containers:
        state, last = container.get("state") or {}, container.get("lastState") or {}
        waiting = state.get("waiting") or {}
        ended = state.get("terminated") or last.get("terminated") or {}
        failing = (ended.get("exitCode") or 0) != 0 and "running" not in state
        given_up = failing and container.get("restartCount", 0) >= _PATIENCE
        if given_up or waiting.get("reason") in _NEVER:
            words = (ended.get("message") or "").strip()
            said = words.rpartition("\n")[2] or waiting.get("reason") or ended.get("reason")
            name = (pod.get("metadata") or {}).get("name", "?")
            return f"{container.get('name')} of the pod {name} says: {str(said).rstrip('.')}"
    return None


def _failure(model: Object) -> str:
    info = model.get("lastFailureInfo") or {}
    words = str(info.get("message") or info.get("reason") or model.get("transitionStatus"))
    return words.strip().rpartition("\n")[2].rstrip(".")


def _condition(status: Object, kind: str) -> Object:
    return next(
        (one for one in status.get("conditions") or [] if one.get("type") == kind),
        {},
    )


def _because(condition: Object, otherwise: str) -> str:
    said = condition.get("message") or condition.get("reason")
    return str(said).strip().partition("\n")[0].rstrip(".") if said else otherwise
