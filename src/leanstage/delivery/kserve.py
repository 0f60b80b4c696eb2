"""InferenceServices and their pods, through the Kubernetes API."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from leanstage.cluster import api_configuration
from leanstage.delivery.service import Object
from leanstage.errors import LeanstageError

GROUP, VERSION, PLURAL = "serving.kserve.io", "v1beta1", "inferenceservices"
POD_LABEL = "serving.kserve.io/inferenceservice"
_SECONDS = (5, 60)
"""To connect, and to read an answer."""


class ServiceError(LeanstageError):
    """Kubernetes refuses or cannot be reached; ``status`` is that of its answer, 0 without one."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status

    @property
    def conflict(self) -> bool:
        """Somebody changed the object since it was looked at."""
        return self.status == 409

    @property
    def passing(self) -> bool:
        """Asking again may help, and what was asked for may have happened all the same."""
        return self.status in (0, 408, 429) or self.status >= 500


class Services:
    """The InferenceServices of one namespace.

    Raises:
        ServiceError: no cluster is configured here.
        ClusterError: its configuration cannot be read.
    """

    def __init__(self, namespace: str) -> None:
        from kubernetes import client

        configuration = api_configuration()
        if configuration is None:
            raise ServiceError(
                f"the policy lets the champion serve in the namespace {namespace}, and there is no "
                "cluster here: no kubeconfig, and no token of a pod; run `leanstage rollout` where "
                "there is one."
            )
        configuration.retries = 2
        api = client.ApiClient(configuration)
        self.namespace = namespace
        self._host = configuration.host
        self._objects, self._core = client.CustomObjectsApi(api), client.CoreV1Api(api)
        # Of custom objects the client sends merge patches, which can take nothing away.
        patches = client.ApiClient(configuration)
        patches.set_default_header("Content-Type", "application/json-patch+json")
        self._patches = client.CustomObjectsApi(patches)

    def get(self, name: str) -> Object | None:
        """A service as it is; None where there is none."""
        try:
            with self._refusals("get", name):
                found = self._objects.get_namespaced_custom_object(
                    GROUP, VERSION, self.namespace, PLURAL, name, _request_timeout=_SECONDS
                )
        except ServiceError as error:
            if error.status != 404:
                raise
            self._require_kind()
            return None
        return dict(found)

    def create(self, body: Object) -> Object:
        """Make a service; returns it as the cluster keeps it."""
        with self._refusals("create", body["metadata"]["name"]):
            made = self._objects.create_namespaced_custom_object(
                GROUP, VERSION, self.namespace, PLURAL, body, _request_timeout=_SECONDS
            )
        return dict(made)

    def patch(self, seen: Object, changes: list[Object]) -> Object:
        """Change a service by a JSON patch (RFC 6902), if it is still as it was ``seen``.

        Raises:
            ServiceError: status 409 where somebody changed it in between.
        """
        metadata = seen["metadata"]
        same = {
            "op": "replace",
            "path": "/metadata/resourceVersion",
            "value": metadata["resourceVersion"],
        }
        with self._refusals("patch", metadata["name"]):
            changed = self._patches.patch_namespaced_custom_object(
                GROUP,
                VERSION,
                self.namespace,
                PLURAL,
                metadata["name"],
                [same, *changes],
                _request_timeout=_SECONDS,
            )
        return dict(changed)

    def delete(self, seen: Object) -> None:
        """Delete this very service: not one that took its name since, nor a changed one."""
        from kubernetes import client

        metadata = seen["metadata"]
        same = client.V1Preconditions(
            uid=metadata["uid"], resource_version=metadata["resourceVersion"]
        )
        with self._refusals("delete", metadata["name"]):
            self._objects.delete_namespaced_custom_object(
                GROUP,
                VERSION,
                self.namespace,
                PLURAL,
                metadata["name"],
                body=client.V1DeleteOptions(preconditions=same),
                _request_timeout=_SECONDS,
            )

    def pods(self, name: str) -> list[Object]:
        """The pods of a service, in the fields of the API."""
        with self._refusals("list the pods of", name):
            answer = self._core.list_namespaced_pod(
                self.namespace,
                label_selector=f"{POD_LABEL}={name}",
                _request_timeout=_SECONDS,
                _preload_content=False,
            )
            return list(json.loads(answer.data)["items"])

    def _require_kind(self) -> None:
        """A cluster without KServe answers as one without the service."""
        try:
            with self._refusals("list", PLURAL):
                self._objects.list_namespaced_custom_object(
                    GROUP, VERSION, self.namespace, PLURAL, limit=1, _request_timeout=_SECONDS
                )
        except ServiceError as error:
            if error.status == 404:
                raise ServiceError(
                    f"the cluster at {self._host} knows no InferenceServices; install KServe there."
                ) from error
            raise

    @contextmanager
    def _refusals(self, what: str, name: str) -> Iterator[None]:
        from kubernetes.client import ApiException

        where = f"{self.namespace}/{name}"
        try:
            yield
        except ApiException as error:
            status = int(error.status or 0)
            remedy = (
                f"; give this account the role leanstage-rollout in {self.namespace}"
                if status in (401, 403) and "denied request" not in _message(error)
                else ""
            )
            raise ServiceError(
                f"Kubernetes at {self._host} refused to {what} {where} ({status}: "
                f"{_message(error)}){remedy}.",
                status,
            ) from error
        except ServiceError:
            raise
        except Exception as error:  # also of the plug-ins that bring a token for each request
            first = str(getattr(error, "reason", error)).partition("\n")[0].rstrip(".")
            raise ServiceError(
                f"Kubernetes at {self._host} cannot be reached to {what} {where} "
                f"({first or type(error).__name__}); try again once it answers."
            ) from error


def _message(error: Any) -> str:
    """What the API server says, or how it calls that."""
    try:
        said = str(json.loads(error.body)["message"])
    except (TypeError, ValueError, KeyError):
        said = str(error.reason)
    return said.partition("\n")[0].rstrip(".")
