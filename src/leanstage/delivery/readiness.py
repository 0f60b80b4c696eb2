"""Does it serve? What an InferenceService and its pods say of one decision."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from leanstage.delivery.service import Object

SOURCE = "internal.serving.kserve.io/storage-initializer-sourceuri"
"""KServe's annotation of a pod: where its files come from."""
PATIENCE = 2
"""Restarts after which a container that ends is given up: MLflow may be back for the next."""
_FAILED = ("BlockedByFailedLoad", "InvalidSpec")
_HELD_UP = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "CreateContainerConfigError")
"""Of a waiting container: what may pass, and seldom does."""


class State(NamedTuple):
    """How far it is, and why, as a clause; ``doubtful`` is what has failed if it stays so."""

    phase: Literal["waiting", "doubtful", "ready", "failed"]
    why: str


def state_of(
    service: Object, pods: Sequence[Object], marks: Mapping[str, str], revision: str | None
) -> State:
    """How far a service is with serving what was decided.

    Its conditions alone say too little. ``Ready`` follows the availability of a Deployment, which
    the pods of the model before keep true; ``observedGeneration`` is copied from the Deployment
    and counts something else; ``modelStatus`` may still speak of what was tried before. So pods
    decide: those that carry the annotations of the decision, which KServe hands on, and the
    address that their files came from.

    Args:
        marks: annotations that a pod has to carry, :data:`SOURCE` among them.
        revision: the latest that was ready before the change, where there are revisions and
            something was changed; a service without pods is ready only with another.
    """
    live = [pod for pod in pods if not _ends(pod)]
    mine = [pod for pod in live if marks.items() <= _annotations(pod).items()]
    found = [state for pod in mine if (state := _trouble(pod)) is not None]
    if found:
        return min(found, key=lambda state: state.phase != "failed")
    status = service.get("status") or {}
    ready = _condition(status, "Ready")
    good = [pod for pod in mine if answers(pod)]
    others = [pod for pod in live if pod not in mine and answers(pod)]
    share = (service.get("spec") or {}).get("predictor", {}).get("canaryTrafficPercent", 100)
    if good and ready.get("status") == "True":
        if share < 100:
            return State("ready", f"{share}% of the requests go to it (canaryTrafficPercent)")
        if not others:
            return State("ready", f"{len(good)} pods are ready")
        return State("waiting", f"{len(others)} pods of the model before still answer")
    model = status.get("modelStatus") or {}
    if model.get("transitionStatus") in _FAILED:
        return State("doubtful", _failure(model))
    if ready.get("status") != "True":
        return State("waiting", _because(ready, "KServe does not say that it is ready"))
    if not live and _settled(status, revision):
        return State("ready", "it is scaled to zero")
    return State("waiting", "no pod of it is ready")


def revision_of(service: Object) -> str | None:
    """The latest revision that was ready; None where there are none (Deployments)."""
    return _predictor_status(service.get("status") or {}).get("latestReadyRevision")


def _settled(status: Object, revision: str | None) -> bool:
    """Whether the latest revision is the ready one, and another than ``revision``."""
    predictor = _predictor_status(status)
    latest = predictor.get("latestReadyRevision")
    return latest is not None and latest == predictor.get("latestCreatedRevision") != revision


def _predictor_status(status: Object) -> Object:
    return dict((status.get("components") or {}).get("predictor") or {})


def _annotations(pod: Object) -> dict[str, str]:
    return dict((pod.get("metadata") or {}).get("annotations") or {})


def _ends(pod: Object) -> bool:
    return (pod.get("metadata") or {}).get("deletionTimestamp") is not None


def answers(pod: Object) -> bool:
    """Whether requests are sent to a pod."""
    return bool(_condition(pod.get("status") or {}, "Ready").get("status") == "True")


def _trouble(pod: Object) -> State | None:
    """Why a pod does not come up, in the container's own last words."""
    status = pod.get("status") or {}
    containers = [
        *(status.get("initContainerStatuses") or []),
        *(status.get("containerStatuses") or []),
    ]
    for container in containers:
        state, last = container.get("state") or {}, container.get("lastState") or {}
        reason = (state.get("waiting") or {}).get("reason")
        ended = state.get("terminated") or last.get("terminated") or {}
        failing = (ended.get("exitCode") or 0) != 0 and "running" not in state
        given_up = failing and container.get("restartCount", 0) >= PATIENCE
        if not given_up and reason not in _HELD_UP:
            continue
        words = (ended.get("message") or "").strip().rpartition("\n")[2]
        said = words or reason or ended.get("reason")
        name = (pod.get("metadata") or {}).get("name", "?")
        why = f"{container.get('name')} of the pod {name} says: {str(said).rstrip('.')}"
        return State("failed" if given_up else "doubtful", why)
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
