"""What a service and its pods say, in every combination that KServe leaves behind."""

from typing import Any

import pytest

from leanstage.delivery.readiness import SOURCE, state_of

NEW, OLD = "leanstage://reviews@" + "a" * 64, "leanstage://reviews@" + "b" * 64
MARKS = {SOURCE: NEW, "leanstage.io/version": "reviews/3"}
Object = dict[str, Any]


def service(ready: str = "True", transition: str = "UpToDate", **status: Any) -> Object:
    found = {
        "observedGeneration": 9,
        "conditions": [{"type": "PredictorReady", "status": "False"},
                       {"type": "Ready", "status": ready, "message": "no route yet\nmore"}],
        "modelStatus": {"transitionStatus": transition},
        **status,
    }  # fmt: skip
    return {"metadata": {"generation": 4}, "spec": {"predictor": {}}, "status": found}


def revisions(ready: str, created: str) -> Object:
    predictor = {"latestReadyRevision": ready, "latestCreatedRevision": created}
    return service(components={"predictor": predictor})


def canary(share: int) -> Object:
    found = service()
    found["spec"]["predictor"]["canaryTrafficPercent"] = share
    return found


def pod(uri: str = NEW, ready: str = "True", version: str = "3", **container: Any) -> Object:
    status: Object = {"conditions": [{"type": "Ready", "status": ready}]}
    if container:
        status["containerStatuses"] = [{"name": "kserve-container", **container}]
    annotations = {SOURCE: uri, "leanstage.io/version": f"reviews/{version}", "team": "a"}
    return {"metadata": {"name": "p", "annotations": annotations}, "status": status}


def ending(uri: str = OLD) -> Object:
    found = pod(uri)
    found["metadata"]["deletionTimestamp"] = "2026-11-27T00:00:00Z"
    return found


CRASHED = {
    "state": {"waiting": {"reason": "CrashLoopBackOff"}},
    "lastState": {"terminated": {"exitCode": 1, "message": "one\ntwo."}},
}
KILLED = {"state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}, "restartCount": 2}
UNPULLED = {"state": {"waiting": {"reason": "ImagePullBackOff"}}}
BLOCKED = {
    "transitionStatus": "BlockedByFailedLoad",
    "lastFailureInfo": {"message": "lines\nthe variant is revoked."},
}
CASES = {
    "a new pod": (service(), [pod()], "ready", "1 pods are ready"),
    "the old one still answers": (service(), [pod(), pod(OLD)], "waiting", "1 pods of the model"),
    "the old one ends": (service(), [pod(), ending()], "ready", "1 pods are ready"),
    "the old one is no longer ready": (service(), [pod(), pod(OLD, "False")], "ready", "1 pods"),
    "a share for the new one": (canary(10), [pod(), pod(OLD)], "ready", "10% of the requests"),
    "the same bytes, decided before": (service(), [pod(version="2")], "waiting", "no pod of it"),
    "old pods alone": (service(), [pod(OLD)], "waiting", "no pod of it is ready"),
    "a new pod that is not ready": (service(), [pod(ready="False"), pod(OLD)], "waiting", "no pod"),
    "no route": (service(ready="False"), [pod()], "waiting", "no route yet"),
    "nothing is said": ({"metadata": {}}, [], "waiting", "does not say that it is ready"),
    "no pods of Deployments": (service(), [], "waiting", "no pod of it is ready"),
    "no pods of a new revision": (revisions("r2", "r2"), [], "ready", "scaled to zero"),
    "no pods of the old revision": (revisions("r1", "r1"), [], "waiting", "no pod of it"),
    "no pods, the new revision pending": (revisions("r1", "r2"), [], "waiting", "no pod of it"),
    "a crash": (service(), [pod(ready="False", **CRASHED)], "waiting", "no pod of it"),
    "crashes": (service(), [pod(ready="False", **CRASHED, restartCount=2)], "failed", "says: two"),
    "crashes of the old one": (
        service(), [pod(OLD, "False", **CRASHED, restartCount=9), pod()], "ready", "1 pods",
    ),
    "killed": (service(), [pod(ready="False", **KILLED)], "failed", "says: OOMKilled"),
    "it runs after crashes": (
        service(), [pod(**CRASHED | {"state": {"running": {}}}, restartCount=3)], "ready", "1 pods",
    ),
    "an image that does not come": (
        service(), [pod(ready="False", **UNPULLED)], "doubtful", "ImagePullBackOff",
    ),
    "the worst of two pods": (
        service(), [pod(ready="False", **UNPULLED), pod(ready="False", **KILLED)], "failed", "OOM",
    ),
    "a model that KServe gave up": (
        service(modelStatus=BLOCKED), [], "doubtful", "the variant is revoked",
    ),
    "what KServe gave up is stale": (service(modelStatus=BLOCKED), [pod()], "ready", "1 pods"),
    "an invalid specification": (service(transition="InvalidSpec"), [], "doubtful", "InvalidSpec"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_state_is_told(case: str) -> None:
    found, pods, phase, why = CASES[case]
    state = state_of(found, pods, MARKS, "r1")
    assert (state.phase, why in state.why) == (phase, True), state


def test_where_nothing_was_changed_a_service_may_have_been_at_zero_before() -> None:
    assert state_of(revisions("r1", "r1"), [], MARKS, None).phase == "ready"
