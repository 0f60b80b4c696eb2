"""Promotion to KServe: a service changes to the champion as a whole, or is put back."""

import time
from dataclasses import dataclass

from leanstage import progress
from leanstage.contracts import Target
from leanstage.contracts.policy import SERVICE_NAME
from leanstage.delivery.kserve import ServiceError, Services
from leanstage.delivery.readiness import State, state_of
from leanstage.delivery.service import MANAGED, OWN, PREFIX, Object, Wanted
from leanstage.errors import InputError, LeanstageError

POLL_SECONDS = 3.0
BACK_MINUTES = 5.0
"""How long is waited for what served before, after it was put back."""
DEFAULTED = ("name", "protocolVersion")
"""Of a model: what KServe's webhook fills in."""
CONFLICTS = 5
"""Changes of others in a row, after each of which the service is looked at anew."""


class RolloutError(LeanstageError):
    """The champion does not serve; the message says what does instead."""

    kind = "rollout"


@dataclass(frozen=True)
class Rollout:
    """What came of it: ``changed`` is False where the service was as wanted already."""

    namespace: str
    service: str
    address: str
    changed: bool
    why: str


def roll_out(wanted: Wanted, target: Target) -> Rollout:
    """Let a service serve a promoted variant, and wait until it does.

    Model format, runtime, address, arguments and resources change in one patch, with the decision
    in annotations. A service that is not there is made. Where the variant does not come up, what
    served before is put back, and an error says so.

    Raises:
        RolloutError: it does not serve.
        ServiceError: Kubernetes refuses; nothing was changed then.
        InputError: no runtime serves it, or the service has a predictor that it cannot be put into.
    """
    name = target.service_of(wanted.decision.source.name)
    _require_name(name, wanted)
    services = Services(target.namespace)
    where, uri = f"{target.namespace}/{name}", str(wanted.address)
    before, changed = _change(services, name, wanted)
    progress.step(f"waiting for {where} to serve version {wanted.version.version}")
    state = _awaited(services, name, uri, target.ready_minutes * 60)
    if state.phase == "ready":
        progress.output("serves", f"{where}: {uri}")
        return Rollout(target.namespace, name, uri, changed, state.why)
    reason = (
        f"InferenceService {where} does not serve version {wanted.version.version} of "
        f"{wanted.version.name} ({state.why})"
    )
    if not changed:
        raise RolloutError(
            f"{reason}; it was changed to it before this, so that it is left alone: mend what it "
            f"says, or return to an earlier champion (leanstage rollback {wanted.version.name})."
        )
    raise RolloutError(f"{reason}; {_put_back(services, name, before, wanted)}")


def _require_name(name: str, wanted: Wanted) -> None:
    if not SERVICE_NAME.fullmatch(name):
        raise InputError(
            f"the policy {wanted.policy.name} lets {wanted.version.name} serve as {name!r}, which "
            "is no name of a service (small letters, digits and '-'); set target.service."
        )


def _change(services: Services, name: str, wanted: Wanted) -> tuple[Object | None, bool]:
    """The service before (None where it was made), and whether anything was to be changed."""
    for attempt in range(CONFLICTS):
        before = services.get(name)
        try:
            if before is None:
                progress.step(f"making the InferenceService {services.namespace}/{name}")
                services.create(_new(name, wanted))
                return None, True
            changes = _changes(before, wanted)
            if not changes:
                return before, False
            progress.step(f"changing the InferenceService {services.namespace}/{name}")
            services.patch(before, changes)
            return before, True
        except ServiceError as error:
            if error.status != 409 or attempt == CONFLICTS - 1:
                raise
    raise AssertionError("unreachable")


def _new(name: str, wanted: Wanted) -> Object:
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": name, "labels": MANAGED, "annotations": wanted.annotations()},
        "spec": {"predictor": {"model": wanted.model({})}},
    }


def _changes(before: Object, wanted: Wanted) -> list[Object]:
    """The JSON patch that makes ``before`` serve what is wanted; empty where it does."""
    predictor = _predictor(before)
    if "model" not in predictor:
        named = ", ".join(sorted(predictor)) or "nothing"
        raise InputError(
            f"InferenceService {before['metadata']['namespace']}/{before['metadata']['name']} does "
            f"not name its model under spec.predictor.model (it has: {named}); write it so, or "
            "delete the service and let promotion make it."
        )
    model = wanted.model(predictor["model"])
    annotations = _annotations(before) | wanted.annotations()
    found: list[Object] = []
    if not _serves(predictor["model"], model):
        found.append({"op": "replace", "path": "/spec/predictor/model", "value": model})
    if annotations != _annotations(before):
        found.append({"op": "add", "path": "/metadata/annotations", "value": annotations})
    return found


def _serves(now: Object, model: Object) -> bool:
    """Whether a model is described as wanted; KServe fills in names and protocols by itself."""
    return {key: value for key, value in now.items() if key not in DEFAULTED} == model


def _awaited(services: Services, name: str, uri: str, seconds: float) -> State:
    """The state that a service ends in, or that it still has when the time is over."""
    until = time.monotonic() + seconds
    state = State("waiting", "nothing was heard of it")
    while True:
        # An API server that restarts is no reason to give up a service that comes up.
        try:
            found = services.get(name)
            if found is None:
                return State("failed", "somebody deleted it")
            if _predictor(found).get("model", {}).get("storageUri") != uri:
                return State("failed", "somebody changed it in the meantime")
            state = state_of(found, services.pods(name), uri)
        except ServiceError as error:
            if error.status in (401, 403):
                raise
            state = State("waiting", str(error).rstrip("."))
        if state.phase != "waiting":
            return state
        if time.monotonic() > until:
            return State("waiting", f"not ready after {seconds / 60:g} minutes: {state.why}")
        time.sleep(POLL_SECONDS)


def _put_back(services: Services, name: str, before: Object | None, wanted: Wanted) -> str:
    """Undo the change; returns what serves now and what to do, as the end of a sentence."""
    again = f"then run `leanstage rollout {wanted.version.name}`."
    try:
        now = services.get(name)
        if now is None:
            return f"it is gone; find out who deleted it, {again}"
        if _predictor(now).get("model", {}).get("storageUri") != str(wanted.address):
            return f"it was left as it is now, since somebody else changed it; look at it, {again}"
        if before is None:
            services.delete(now)
            return f"it was new, and deleted again; mend what it says, {again}"
        back = _reverted(before, now)
        services.patch(now, back)
    except ServiceError as error:
        return (
            f"and it could not be put back: {str(error).rstrip('.')}; whatever of it was ready "
            f"still serves: put the service right by hand, {again}"
        )
    served = (_predictor(before).get("model") or {}).get("storageUri", "what served before")
    state = _awaited(services, name, served, BACK_MINUTES * 60)
    how = "serves" if state.phase == "ready" else f"is to serve (and does not yet: {state.why})"
    return f"it {how} what it did before, {served}; mend what it says, {again}"


def _reverted(before: Object, now: Object) -> list[Object]:
    """The patch back: the model as it was, and of the annotations only what promotion wrote."""
    own = {PREFIX + key for key in OWN}
    old = {key: value for key, value in _annotations(before).items() if key in own}
    annotations = {key: value for key, value in _annotations(now).items() if key not in own} | old
    return [
        {"op": "replace", "path": "/spec/predictor/model", "value": _predictor(before)["model"]},
        {"op": "add", "path": "/metadata/annotations", "value": annotations},
    ]


def _predictor(service: Object) -> Object:
    return dict((service.get("spec") or {}).get("predictor") or {})


def _annotations(service: Object) -> dict[str, str]:
    return dict(service["metadata"].get("annotations") or {})
