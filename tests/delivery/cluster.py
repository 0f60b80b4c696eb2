"""A stand-in for a cluster with KServe: the API server's rules over real HTTP, and a controller.

It keeps objects with uid, generation and resourceVersion, refuses what an API server refuses
(conflicts, unknown fields where definitions are at hand, what admission or RBAC denies), and rolls
InferenceServices over as KServe does with Deployments: the old pods serve until a new one is ready.
"""

import copy
import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jsonpatch
import jsonschema

from tests import crds
from tests.audit.kubernetes_api import TOKEN, RefusedError
from tests.http_stub import Handler, serving
from tests.manifests.admission import ApiServer

Object = dict[str, Any]
Key = tuple[str, str]
SERVICES = "/apis/serving.kserve.io/v1beta1/namespaces/"
DEFAULTS = {"name": "", "protocolVersion": "v1"}
"""What KServe's own webhook fills into a model."""
NEW, ROLLING, DONE = 1, 2, 3
"""Looks at a service after which KServe has seen a change, has a new pod, and has it ready."""


@dataclass
class Cluster:
    """What the cluster holds and how it behaves.

    Attributes:
        broken: addresses whose pods do not come up, with what their init container says.
        stuck: addresses whose pods stay pending.
        admission: the policies that hold, and labels of the namespaces.
        forbidden: verbs that this account does not have.
        meanwhile: called once each with the stored service before the next change is looked at.
        outages: how many requests are answered with 503.
        lost: how many changes are made and answered with 504.
        stale: what the status says of the model before, until a new pod is ready.
    """

    services: dict[Key, Object] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    stuck: set[str] = field(default_factory=set)
    admission: ApiServer | None = None
    labels: dict[str, dict[str, str]] = field(default_factory=dict)
    forbidden: set[str] = field(default_factory=set)
    meanwhile: list[Callable[[Object], None]] = field(default_factory=list)
    kserve: bool = True
    outages: int = 0
    lost: int = 0
    stale: Object = field(default_factory=dict)
    log: list[tuple[str, str, Any]] = field(default_factory=list)
    uri: str = ""
    _versions: Iterator[int] = field(default_factory=lambda: itertools.count(100))
    _looks: dict[Key, int] = field(default_factory=dict)
    _served: dict[Key, Object] = field(default_factory=dict)
    """The template of the pods that answer."""

    def add(self, namespace: str, name: str, model: Object, **metadata: Any) -> Object:
        """A service that is up, as somebody made it."""
        made = self._create(
            namespace,
            {
                "apiVersion": "serving.kserve.io/v1beta1",
                "kind": "InferenceService",
                "metadata": {"name": name, **metadata},
                "spec": {"predictor": {"minReplicas": 2, "model": model}},
            },
            admit=False,
        )
        for _ in range(DONE + 1):
            self.get(namespace, name)
        return made

    def change(self, service: Object) -> None:
        """Somebody else's change, which takes a new version."""
        service["metadata"]["resourceVersion"] = str(next(self._versions))

    def answer(self, verb: str, path: str, query: dict[str, str], body: Any, kind: str) -> Object:
        self.log.append((verb, path, body))
        if self.outages:
            self.outages -= 1
            raise RefusedError(503, "ServiceUnavailable", "etcdserver: leader changed")
        if "/pods" in path:
            namespace = path.split("/")[4]
            self._allow("list pods")
            selected = query["labelSelector"].partition("=")[2]
            return {"items": self.pods(namespace, selected)}
        if not self.kserve:
            raise RefusedError(404, "NotFound", "the server could not find the requested resource")
        namespace, _, name = (
            path.removeprefix(SERVICES).replace("/inferenceservices", "").partition("/")
        )
        self._allow({"GET": "get", "POST": "create", "PATCH": "patch", "DELETE": "delete"}[verb])
        if verb == "POST":
            return self._answered(self._create(namespace, body))
        if verb == "GET" and not name:
            return {"items": []}
        if (namespace, name) not in self.services:
            raise RefusedError(404, "NotFound", f'inferenceservices "{name}" not found')
        if verb == "GET":
            return self.get(namespace, name)
        if self.meanwhile:
            self.meanwhile.pop(0)(self.services[namespace, name])
        if verb == "DELETE":
            return self._answered(self._delete(namespace, name, body or {}))
        assert kind == "application/json-patch+json", kind
        return self._answered(self._patch(namespace, name, body))

    def _answered(self, found: Object) -> Object:
        if self.lost:
            self.lost -= 1
            raise RefusedError(504, "Timeout", "the request did not complete in time")
        return found

    def get(self, namespace: str, name: str) -> Object:
        """A service, whose controller has come a step further."""
        key = namespace, name
        self._looks[key] = self._looks.get(key, 0) + 1
        service = self.services[key]
        template = _template(service)
        fails = template["uri"] in self.broken or template["uri"] in self.stuck
        if self._looks[key] >= DONE and not fails:
            self._served[key] = template
        service["status"] = self._status(key, template)
        return copy.deepcopy(service)

    def _status(self, key: Key, template: Object) -> Object:
        up = self._served.get(key) == template
        return {
            # Copied from the Deployment, which counts changes of its own.
            "observedGeneration": 1,
            # Of the Deployment, whose old pods are available all the while.
            "conditions": [{"type": "Ready", "status": "True" if key in self._served else "False"}],
            "modelStatus": self.stale
            if self.stale and not up
            else {"transitionStatus": "UpToDate"},
        }

    def pods(self, namespace: str, name: str) -> list[Object]:
        key = namespace, name
        if key not in self.services:
            return []
        template, found = _template(self.services[key]), []
        served = self._served.get(key)
        if served is not None:
            found.append(_pod("old" if served != template else "new", served, True))
        if served != template and self._looks[key] >= ROLLING:
            found.append(_pod("new", template, False, self.broken.get(template["uri"])))
        return found

    def _allow(self, verb: str) -> None:
        if verb in self.forbidden:
            raise RefusedError(403, "Forbidden", f"inferenceservices is forbidden: cannot {verb}")

    def _create(self, namespace: str, body: Object, *, admit: bool = True) -> Object:
        key = namespace, body["metadata"]["name"]
        if key in self.services:
            raise RefusedError(409, "AlreadyExists", f'"{key[1]}" already exists')
        made = copy.deepcopy(body)
        made["metadata"] |= {
            "namespace": namespace, "generation": 1, "uid": f"uid-{next(self._versions)}",
            "resourceVersion": str(next(self._versions)),
        }  # fmt: skip
        _fill_in(made)
        if admit:
            self._admit(made, None)
        self.services[key] = made
        self._looks[key] = 0
        return copy.deepcopy(made)

    def _patch(self, namespace: str, name: str, body: Any) -> Object:
        before = self.services[namespace, name]
        after = jsonpatch.apply_patch(before, body)
        _fill_in(after)
        if after["metadata"]["resourceVersion"] != before["metadata"]["resourceVersion"]:
            raise RefusedError(409, "Conflict", "the object has been modified; please apply again")
        self._admit(after, before)
        if after["spec"] != before["spec"]:
            after["metadata"]["generation"] += 1
        if _template(after) != _template(before):
            self._looks[namespace, name] = 0
        after["metadata"]["resourceVersion"] = str(next(self._versions))
        self.services[namespace, name] = after
        return copy.deepcopy(after)

    def _delete(self, namespace: str, name: str, options: Object) -> Object:
        metadata = self.services[namespace, name]["metadata"]
        wanted = options.get("preconditions") or {}
        if any(metadata[name] != value for name, value in wanted.items() if value is not None):
            raise RefusedError(409, "Conflict", "Precondition failed")
        del self.services[namespace, name]
        self._served.pop((namespace, name), None)
        return {"kind": "Status", "status": "Success"}

    def _admit(self, asked: Object, before: Object | None) -> None:
        plain = {key: value for key, value in asked.items() if key != "status"}
        if crds.at_hand():
            try:
                crds.check_resource(plain)
            except jsonschema.ValidationError as error:
                raise RefusedError(422, "Invalid", error.message) from error
        if self.admission is None:
            return
        labels = self.labels.get(asked["metadata"]["namespace"], {})
        decision = self.admission.decide(plain, before=before, namespace_labels=labels)
        if decision.refused:
            raise RefusedError(
                422, "Invalid", f"ValidatingAdmissionPolicy denied request: {decision.refused[0]}"
            )


def _fill_in(service: Object) -> None:
    predictor = service["spec"]["predictor"]
    if "model" in predictor:
        predictor["model"] = {**DEFAULTS, **predictor["model"]}


def _uri(service: Object) -> str:
    return str(service["spec"]["predictor"].get("model", {}).get("storageUri"))


def _template(service: Object) -> Object:
    """What its pods are made from: a change of it rolls them over."""
    return {
        "uri": _uri(service),
        "model": service["spec"]["predictor"].get("model"),
        "annotations": service["metadata"].get("annotations") or {},
    }


def _pod(name: str, template: Object, ready: bool, said: str | None = None) -> Object:
    status: Object = {"conditions": [{"type": "Ready", "status": str(ready)}]}
    if said is not None:
        ended = {"exitCode": 1, "reason": "Error", "message": f"some lines\n{said}\n"}
        status["initContainerStatuses"] = [
            {
                "name": "storage-initializer",
                "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}},
                "lastState": {"terminated": ended},
                "restartCount": 2,
            }
        ]
    source = "internal.serving.kserve.io/storage-initializer-sourceuri"
    annotations = {**template["annotations"], source: template["uri"]}
    return {"metadata": {"name": name, "annotations": annotations}, "status": status}


@contextmanager
def running(cluster: Cluster) -> Iterator[Cluster]:
    """Serve a cluster on this machine alone."""

    class Answering(Handler):
        def _answer(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = json.loads(raw) if raw else None
            kind = self.headers.get("Content-Type") or ""
            try:
                if self.headers.get("Authorization", "").lower() != f"bearer {TOKEN}":
                    raise RefusedError(401, "Unauthorized", "Unauthorized")
                found = cluster.answer(self.command, parts.path, query, body, kind)
                self.reply(201 if self.command == "POST" else 200, json.dumps(found).encode())
            except RefusedError as refused:
                self.reply(refused.code, json.dumps(refused.status).encode())

        do_GET = do_POST = do_PATCH = do_DELETE = _answer  # noqa: N815

    with serving(Answering) as cluster.uri:
        yield cluster
