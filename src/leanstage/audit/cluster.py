"""What a Kubernetes cluster serves, read through its API; nothing there is changed."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from leanstage.audit.deployed import IGNORED, Found, Object, of_service, of_workload
from leanstage.cluster import ClusterError, api_configuration
from leanstage.errors import LeanstageError

_PAGE = 500
_SECONDS = (5, 60)
"""To connect, and to read a page."""


@dataclass
class Cluster:
    """What was found; ``host`` is None where there is no cluster to ask.

    Attributes:
        problems: what could not be read, a sentence each.
        notes: what was left out, a sentence each.
        services: namespace and name of the InferenceServices that were read.
        ignored: what is annotated to serve no model.
    """

    host: str | None = None
    found: list[Found] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    services: set[tuple[str, str]] = field(default_factory=set)
    ignored: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Kind:
    plural: str
    group: str
    version: str
    read: Callable[[Object], Iterator[Found]]


KINDS = (
    _Kind("inferenceservices", "serving.kserve.io", "v1beta1", of_service),
    _Kind("deployments", "apps", "v1", partial(of_workload, "Deployment")),
    _Kind("statefulsets", "apps", "v1", partial(of_workload, "StatefulSet")),
)


class _RefusedError(LeanstageError):
    """The API did not answer as it should."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


def read_cluster(namespaces: Sequence[str] = ()) -> Cluster:
    """Everything that serves a model, in these namespaces or, without any, in all.

    The cluster is the one that this pod runs in, else the current context of the kubeconfig.
    """
    cluster = Cluster()
    try:
        api = _connected()
    except ClusterError as error:
        cluster.problems.append(str(error))
        return cluster
    if api is None:
        cluster.notes.append(
            "No cluster was read: there is no kubeconfig here, and no token of a pod."
        )
        return cluster
    cluster.host = api.api_client.configuration.host
    for kind in KINDS:
        for namespace in namespaces or (None,):
            try:
                for item in _items(api, kind, namespace):
                    _add(cluster, kind, item)
            except _RefusedError as error:
                if error.status == 404 and kind.group == "serving.kserve.io":
                    cluster.notes.append("The cluster knows no InferenceServices: no KServe there.")
                    break
                cluster.problems.append(str(error))
                if error.status == 0:
                    # It cannot be reached: so it is with the rest.
                    return cluster
    if cluster.ignored:
        cluster.notes.append(
            f"Left out by their annotation {IGNORED}: {len(cluster.ignored):,} that look as if "
            f"they served a model, {', '.join(cluster.ignored)}."
        )
    return cluster


def _add(cluster: Cluster, kind: _Kind, item: Object) -> None:
    try:
        for one in kind.read(item):
            each = one.deployed
            if each.kind == "InferenceService":
                cluster.services.add((each.namespace, each.name))
            elif (each.namespace, one.service) in cluster.services:
                # KServe made it of one that is counted already.
                continue
            if one.ignored:
                cluster.ignored.append(f"{each.kind} {each.namespace}/{each.name}")
            else:
                cluster.found.append(one)
    except (ValueError, TypeError, AttributeError) as error:
        name = (item.get("metadata") or {}).get("name") if isinstance(item, dict) else None
        cluster.problems.append(
            f"Of the {kind.plural}, {name or 'one without a name'} cannot be read: {error}."
        )


def _connected() -> Any:
    """The API for objects of any kind; None where no cluster is configured."""
    from kubernetes import client

    configuration = api_configuration()
    if configuration is None:
        return None
    configuration.retries = 1
    return client.CustomObjectsApi(client.ApiClient(configuration))


def _items(api: Any, kind: _Kind, namespace: str | None) -> Iterator[Object]:
    """Every object of a kind, page by page; begun once more where a page has expired."""
    for last in (False, True):
        found: list[Object] = []
        try:
            for page in _pages(api, kind, namespace):
                found += page
        except _RefusedError as error:
            if error.status == 410 and not last:
                continue
            raise
        yield from found
        return


def _pages(api: Any, kind: _Kind, namespace: str | None) -> Iterator[list[Object]]:
    from kubernetes.client import ApiException
    from urllib3.exceptions import HTTPError

    token = ""
    where = f"in the namespace {namespace}" if namespace else "in all namespaces"
    host = api.api_client.configuration.host
    while True:
        query: dict[str, Any] = {"limit": _PAGE, "_request_timeout": _SECONDS}
        if token:
            query["_continue"] = token
        try:
            if namespace:
                page = api.list_namespaced_custom_object(
                    kind.group, kind.version, namespace, kind.plural, **query
                )
            else:
                page = api.list_cluster_custom_object(
                    kind.group, kind.version, kind.plural, **query
                )
        except ApiException as error:
            raise _RefusedError(
                f"Kubernetes at {host} refused to list {kind.plural} {where} ({error.status} "
                f"{error.reason}); grant the audit `list` of them, or name the namespaces that it "
                "may read.",
                int(error.status or 0),
            ) from error
        except (HTTPError, OSError, ValueError) as error:
            raise _RefusedError(
                f"Kubernetes at {host} cannot be reached for its {kind.plural} "
                f"({_cause(error)}); nothing that it serves was counted."
            ) from error
        if not isinstance(page, dict) or not isinstance(page.get("items"), list):
            raise _RefusedError(f"Kubernetes at {host} answered no list of {kind.plural}.", 502)
        yield page["items"]
        token = (page.get("metadata") or {}).get("continue") or ""
        if not token:
            return


def _cause(error: BaseException) -> str:
    """What stands behind the retries, without the objects that carried it."""
    return _first_line(getattr(error, "reason", error)).rpartition(": ")[2].strip("'\")>")


def _first_line(error: object) -> str:
    return (str(error).strip() or type(error).__name__).partition("\n")[0].rstrip(".")
