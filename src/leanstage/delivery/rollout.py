"""Promotion to KServe: a service changes to the champion as a whole, or is put back."""

import time
from dataclasses import dataclass

from leanstage import progress
from leanstage.contracts import Target
from leanstage.contracts.policy import SERVICE_NAME
from leanstage.delivery.kserve import ServiceError, Services
from leanstage.delivery.readiness import SOURCE, State, answers, revision_of, state_of
from leanstage.delivery.service import MANAGED, OWN, PREFIX, Object, Wanted, serves
from leanstage.errors import InputError, LeanstageError

POLL_SECONDS = 3.0
DOUBT_SECONDS = 60.0
"""How long a service may look as if it had failed."""
BACK_SECONDS = 120.0
"""How long it is tried to put back what served before, and then waited for it."""
TRIES = 8
"""Answers in a row after which a change is given up: conflicts, and none at all."""


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


@dataclass(frozen=True)
class _Change:
    """A service before (None where it was made) and after a change; the same where none was due."""

    before: Object | None
    after: Object

    @property
    def made(self) -> bool:
        return self.before is not self.after

    @property
    def model(self) -> Object:
        """As the cluster keeps what was written: anything else is of somebody else."""
        return dict(_predictor(self.after)["model"])

    def stands(self, now: Object) -> bool:
        return bool(_predictor(now).get("model") == self.model)


def roll_out(wanted: Wanted, target: Target) -> Rollout:
    """Let a service serve a promoted variant, and wait until it does.

    Model format, runtime, address, arguments and resources change in one patch, with the decision
    in annotations. A service that is not there is made. Where the variant does not come up, what
    served before is put back, and an error says so.

    Raises:
        RolloutError: it does not serve.
        ServiceError: Kubernetes refuses or does not answer; nothing was changed.
        InputError: the service has a predictor that the variant cannot be put into.
    """
    name = target.service_of(wanted.decision.source.name)
    _require_name(name, wanted)
    services = Services(target.namespace)
    where, uri = f"{target.namespace}/{name}", str(wanted.address)
    # Whoever may not look at the pods would not know what became of a change.
    services.pods(name)
    change = _changed(services, name, wanted)
    progress.step(f"waiting for {where} to serve version {wanted.version.version}")
    state = _awaited(services, change, wanted, target.ready_minutes * 60)
    if state.phase == "ready":
        progress.output("serves", f"{where}: {uri}")
        return Rollout(target.namespace, name, uri, change.made, state.why)
    reason = (
        f"InferenceService {where} does not serve version {wanted.version.version} of "
        f"{wanted.version.name} ({state.why})"
    )
    if not change.made:
        raise RolloutError(
            f"{reason}; it was changed to it before this, so that it is left alone: mend what it "
            f"says, or return to an earlier champion (leanstage rollback {wanted.version.name})."
        )
    raise RolloutError(f"{reason}; {_put_back(services, change, wanted)}")


def _require_name(name: str, wanted: Wanted) -> None:
    if not SERVICE_NAME.fullmatch(name):
        raise InputError(
            f"the policy {wanted.policy.name} lets {wanted.version.name} serve as {name!r}, which "
            "is no name of a service (small letters, digits and '-'); set target.service."
        )


def _changed(services: Services, name: str, wanted: Wanted) -> _Change:
    """Make the change, if one is due.

    A conflict lets the service be looked at anew, and so does an answer that was lost: the change
    may be there.
    """
    original: Object | None = None
    sent = False
    for attempt in range(1, TRIES + 1):
        before = services.get(name)
        changes = None if before is None else _changes(before, wanted)
        if before is not None and not changes:
            return _Change(original if sent else before, before)
        original = before
        try:
            if before is None:
                progress.step(f"making the InferenceService {services.namespace}/{name}")
                return _Change(None, services.create(_new(name, wanted)))
            progress.step(f"changing the InferenceService {services.namespace}/{name}")
            return _Change(before, services.patch(before, changes or []))
        except ServiceError as error:
            if attempt == TRIES or not (error.conflict or error.passing):
                raise
            sent = sent or error.passing
            time.sleep(POLL_SECONDS)
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
    if not serves(predictor["model"], model):
        found.append({"op": "replace", "path": "/spec/predictor/model", "value": model})
    if annotations != _annotations(before):
        found.append({"op": "add", "path": "/metadata/annotations", "value": annotations})
    return found


def _awaited(services: Services, change: _Change, wanted: Wanted, seconds: float) -> State:
    """The state that a service ends in, or that it still has when the time is over."""
    name = change.after["metadata"]["name"]
    marks = {**wanted.annotations(), SOURCE: str(wanted.address)}
    revision = revision_of(change.before) if change.made and change.before else None
    until = time.monotonic() + seconds
    doubtful_since: float | None = None
    while True:
        try:
            found = services.get(name)
            if found is None:
                return State("failed", "somebody deleted it")
            if not change.stands(found):
                return State("failed", "somebody changed it in the meantime")
            state = state_of(found, services.pods(name), marks, revision)
        except ServiceError as error:
            # An API server that restarts is no reason to give up a service that comes up.
            state = State("waiting" if error.passing else "failed", str(error).rstrip("."))
        now = time.monotonic()
        if state.phase in ("ready", "failed"):
            return state
        doubtful_since = (doubtful_since or now) if state.phase == "doubtful" else None
        if doubtful_since is not None and now - doubtful_since > DOUBT_SECONDS:
            return State("failed", state.why)
        if now > until:
            return State("failed", f"not ready after {seconds / 60:g} minutes: {state.why}")
        time.sleep(POLL_SECONDS)


def _put_back(services: Services, change: _Change, wanted: Wanted) -> str:
    """Undo the change; returns what serves now and what to do, as the end of a sentence."""
    name = change.after["metadata"]["name"]
    again = f"then run `leanstage rollout {wanted.version.name}`."
    new = f"it was new, and deleted again; mend what it says, {again}"
    until = time.monotonic() + BACK_SECONDS
    sent = False
    while True:
        try:
            now = services.get(name)
            if now is None:
                ours = sent and change.before is None
                return new if ours else f"it is gone; find out who deleted it, {again}"
            if sent and change.before is not None and _models_alike(now, change.before):
                # The answer to the undo was lost, not the undo.
                break
            if not change.stands(now):
                return (
                    f"it was left as it is now, since somebody else changed it; look at it, {again}"
                )
            if change.before is None:
                sent = True
                services.delete(now)
                return new
            sent = True
            services.patch(now, _reverted(change.before, now))
            break
        except ServiceError as error:
            late = time.monotonic() > until
            if late or not (error.conflict or error.passing):
                return (
                    f"and it could not be put back: {str(error).rstrip('.')}; whatever of it was "
                    f"ready still serves: put the service right by hand, {again}"
                )
            time.sleep(POLL_SECONDS)
    what = (_predictor(change.before).get("model") or {}).get("storageUri")
    return (
        f"what it served before was put back{f', {what}' if what else ''}"
        f"{_how_it_is(services, name, wanted)}; mend what it says, {again}"
    )


def _how_it_is(services: Services, name: str, wanted: Wanted) -> str:
    """Whether a pod of what served before answers, as the end of a clause."""
    marks = wanted.annotations().items()
    until = time.monotonic() + BACK_SECONDS
    while time.monotonic() < until:
        try:
            answering = [
                pod
                for pod in services.pods(name)
                if not marks <= _annotations(pod).items() and answers(pod)
            ]
        except ServiceError:
            answering = []
        if answering:
            return ", and answers"
        time.sleep(POLL_SECONDS)
    return ", and no pod of it is ready yet"


def _reverted(before: Object, now: Object) -> list[Object]:
    """The patch back: the model as it was, and of the annotations only what promotion wrote."""
    own = {PREFIX + key for key in OWN}
    old = {key: value for key, value in _annotations(before).items() if key in own}
    annotations = {key: value for key, value in _annotations(now).items() if key not in own} | old
    return [
        {"op": "replace", "path": "/spec/predictor/model", "value": _predictor(before)["model"]},
        {"op": "add", "path": "/metadata/annotations", "value": annotations},
    ]


def _models_alike(one: Object, other: Object) -> bool:
    return bool(_predictor(one).get("model") == _predictor(other).get("model"))


def _predictor(service: Object) -> Object:
    return dict((service.get("spec") or {}).get("predictor") or {})


def _annotations(thing: Object) -> dict[str, str]:
    return dict((thing.get("metadata") or {}).get("annotations") or {})
