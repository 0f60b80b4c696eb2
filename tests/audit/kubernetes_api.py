"""A stand-in for the Kubernetes API: lists what it holds, in pages, over real HTTP."""

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

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

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            state.requests.append(self.path)
            code = 200
            try:
                token = self.headers.get("Authorization", "")
                body = state.raw or json.dumps(state.answer(parts.path, query, token)).encode()
            except RefusedError as refused:
                code, body = refused.code, json.dumps(refused.status).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Quiet: tests read ``requests``."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    state.uri = f"http{'s' if certificate else ''}://127.0.0.1:{server.server_port}"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


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
