"""A stand-in for the Kubernetes API: lists what it holds, in pages, over real HTTP."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import yaml

from tests.http_stub import answering

Object = dict[str, Any]
TOKEN = "a-token-of-the-audit"
PLURALS = {
    "InferenceService": "inferenceservices",
    "Deployment": "deployments",
    "StatefulSet": "statefulsets",
}


class RefusedError(Exception):
    """An answer that is a ``Status``."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.status = {
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": message, "reason": reason, "code": code,
        }  # fmt: skip


@dataclass
class Kubernetes:
    """What the cluster holds and how it answers.

    Attributes:
        served: groups that it knows, each with its version.
        forbidden: plurals that the token may not list; ``plural@namespace`` allows one there.
        page: objects that a page holds at most, whatever is asked for.
        expire: how many pages after the first are answered with 410 before one is not.
        raw: an answer in place of every other.
    """

    objects: list[Object] = field(default_factory=list)
    served: dict[str, str] = field(
        default_factory=lambda: {"apps": "v1", "serving.kserve.io": "v1beta1"}
    )
    forbidden: set[str] = field(default_factory=set)
    page: int = 500
    expire: int = 0
    raw: bytes | None = None
    requests: list[str] = field(default_factory=list)
    uri: str = ""

    def answer(self, path: str, query: dict[str, str], token: str) -> Object:
        """The page of a list, as the API server gives it."""
        if token.lower() != f"bearer {TOKEN}":
            raise RefusedError(401, "Unauthorized", "Unauthorized")
        parts = path.strip("/").split("/")
        group, version, namespace, plural = parts[1], parts[2], None, parts[-1]
        if parts[3] == "namespaces":
            namespace = parts[4]
        if self.served.get(group) != version:
            raise RefusedError(404, "NotFound", "the server could not find the requested resource")
        if plural in self.forbidden and f"{plural}@{namespace}" not in self.forbidden:
            raise RefusedError(
                403, "Forbidden", f'{plural}.{group} is forbidden: User "audit" cannot list it'
            )
        found = [
            each
            for each in self.objects
            if PLURALS[each["kind"]] == plural
            and namespace in (None, each["metadata"]["namespace"])
        ]
        start = int(query.get("continue") or 0)
        if start and self.expire:
            self.expire -= 1
            raise RefusedError(410, "Expired", "The provided continue parameter is too old")
        end = start + min(self.page, int(query["limit"]))
        metadata: Object = {"resourceVersion": "1"}
        if end < len(found):
            metadata |= {"continue": str(end), "remainingItemCount": len(found) - end}
        # Objects within a list name no kind of their own, as those of `apps` do in a real one.
        return {
            "apiVersion": f"{group}/{version}",
            "kind": f"{plural.title()}List",
            "metadata": metadata,
            "items": found[start:end],
        }


@contextmanager
def serving(state: Kubernetes, certificate: Path | None = None) -> Iterator[Kubernetes]:
    """Serve a cluster on this machine alone, with TLS by a certificate with its key."""

    def answer(path: str, query: dict[str, str], token: str | None) -> tuple[int, bytes]:
        state.requests.append(f"{path}?{urlencode(query)}")
        try:
            return 200, state.raw or json.dumps(state.answer(path, query, token or "")).encode()
        except RefusedError as refused:
            return refused.code, json.dumps(refused.status).encode()

    with answering(answer, certificate) as state.uri:
        yield state


def kubeconfig(path: Path, uri: str) -> Path:
    """A kubeconfig for a cluster at ``uri``."""
    path.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "here",
                "contexts": [{"name": "here", "context": {"cluster": "here", "user": "audit"}}],
                "clusters": [{"name": "here", "cluster": {"server": uri}}],
                "users": [{"name": "audit", "user": {"token": TOKEN}}],
            }
        )
    )
    return path
