"""What a service and its pods say, in every combination that KServe leaves behind."""

from typing import Any

import pytest

from leanstage.delivery.readiness import SOURCE, State, state_of

NEW, OLD = "leanstage://reviews@" + "a" * 64, "leanstage://reviews@" + "b" * 64
Object = dict[str, Any]


def service(ready: str = "True", transition: str = "UpToDate", **status: Any) -> Object:
    found = {
        "observedGeneration": 4,
        "conditions": [{"type": "PredictorReady", "status": "False"},
                       {"type": "Ready", "status": ready, "message": "no route yet\nmore"}],
        "modelStatus": {"transitionStatus": transition},
        **status,
    }  # fmt: skip
    return {"metadata": {"generation": 4}, "status": found}


def pod(uri: str = NEW, ready: str = "True", **container: Any) -> Object:
    status: Object = {"conditions": [{"type": "Ready", "status": ready}]}
    if container:
        status["containerStatuses"] = [{"name": "kserve-container", **container}]
    return {"metadata": {"name": "p", "annotations": {SOURCE: uri}}, "status": status}


def ending(uri: str = OLD) -> Object:
    found = pod(uri)
    found["metadata"]["deletionTimestamp"] = "2026-11-27T00:00:00Z"
    return found


CRASHED = {
    "state": {"waiting": {"reason": "CrashLoopBackOff"}},
    "lastState": {"terminated": {"exitCode": 1, "message": "one\ntwo."}},
}
KILLED = {"state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}, "restartCount": 2}


@pytest.mark.parametrize(
    ("found", "pods", "phase", "why"),
    [
        (service(), [pod()], "ready", "1 pods with it"),
        (service(), [pod(), pod(OLD)], "ready", "1 pods"),
        (service(), [ending()], "ready", "scaled to zero"),
        (service(), [], "ready", "scaled to zero"),
        (service(transition=""), [], "waiting", "no pod of it is ready"),
        (service(), [pod(OLD)], "waiting", "no pod of it is ready"),
        (service(), [pod(ready="False"), pod(OLD)], "waiting", "no pod of it is ready"),
        (service(transition="InProgress"), [pod()], "waiting", "the model before still serves"),
        (service(observedGeneration=3), [pod()], "waiting", "has not looked at the change"),
        (service(observedGeneration=None), [pod()], "ready", "1 pods"),
        (service(ready="False"), [pod()], "waiting", "no route yet"),
        ({"metadata": {}}, [], "waiting", "does not say that it is ready"),
        (service(), [pod(ready="False", **CRASHED)], "waiting", "no pod of it"),
        (service(), [pod(ready="False", **CRASHED, restartCount=2)], "failed", "p says: two"),
        (service(), [pod(OLD, ready="False", **CRASHED, restartCount=9), pod()], "ready", "1 pods"),
        (service(), [pod(ready="False", **KILLED)], "failed", "says: OOMKilled"),
        (
            service(),
            [pod(**CRASHED | {"state": {"running": {}}}, restartCount=3)],
            "ready",
            "1 pods",
        ),
        (
            service(),
            [pod(ready="False", state={"waiting": {"reason": "ImagePullBackOff"}})],
            "failed",
            "ImagePullBackOff",
        ),
        (
            service(
                modelStatus={
                    "transitionStatus": "BlockedByFailedLoad",
                    "lastFailureInfo": {"message": "lines\nthe variant is revoked."},
                }
            ),
            [],
            "failed",
            "the variant is revoked",
        ),
        (service(modelStatus={"transitionStatus": "InvalidSpec"}), [], "failed", "InvalidSpec"),
    ],
)
def test_a_state_is_told(found: Object, pods: list[Object], phase: str, why: str) -> None:
    state = state_of(found, pods, NEW)
    assert isinstance(state, State)
    assert (state.phase, why in state.why) == (phase, True), state
