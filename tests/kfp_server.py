"""A stand-in for the KFP API server that keeps state, over real HTTP on this machine alone."""

import json
import re
import ssl
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.kfp_state import Fault, KfpServer, Record, RefusedError

__all__ = ["KfpServer", "kfp_server", "serving"]

PREFIX = "/apis/v2beta1"


class _Handler(BaseHTTPRequestHandler):
    state: KfpServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def log_message(self, *_: Any) -> None:
        """Quiet: tests read ``requests``."""

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        line = f"{self.command} {parts.path.removeprefix(PREFIX)}"
        fault = self._fault(line)
        if fault is not None and fault.seconds:
            time.sleep(fault.seconds)
        broken = fault is not None and (fault.status or not fault.seconds)
        if fault is not None and broken and not fault.after:
            return self._misbehave(fault)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        status, answer = self._reply(parts.path, query, body)
        if fault is not None and broken:
            return self._misbehave(fault)
        self._send(status, json.dumps(answer).encode())

    def _fault(self, line: str) -> Fault | None:
        with self.state.lock:
            self.state.requests.append(line)
            for fault in self.state.faults:
                if re.search(fault.pattern, line):
                    fault.times -= 1
                    if fault.times <= 0:
                        self.state.faults.remove(fault)
                    return fault
        return None

    def _reply(self, path: str, query: Record, body: bytes) -> tuple[int, Record]:
        token = self.state.token
        try:
            if token and self.headers.get("Authorization") != f"Bearer {token}":
                raise RefusedError(401, "Unauthenticated: the request holds no valid token.")
            if not path.startswith(PREFIX):
                raise RefusedError(404, "Not Found")
            kind = self.headers.get("Content-Type", "")
            return 200, self.state.answer(
                self.command, path.removeprefix(PREFIX), query, body, kind
            )
        except RefusedError as refused:
            return refused.status, {"error": refused.message, "message": refused.message}

    def _misbehave(self, fault: Fault) -> None:
        if not fault.status:
            self.close_connection = True
            self.connection.close()
            return
        body = fault.body or json.dumps({"error": "injected", "message": "injected"}).encode()
        self._send(fault.status, body, fault.kind, fault.headers)

    def _send(
        self,
        status: int,
        body: bytes,
        kind: str = "application/json",
        headers: dict[str, str] | None = None,
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that gave up waiting is no news; anything else is."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def serving(
    state: KfpServer, *, certificate: Path | None = None, port: int = 0
) -> Iterator[KfpServer]:
    """Listen on this machine alone, with TLS where a certificate (PEM with its key) is given."""
    handler = type("Handler", (_Handler,), {"state": state})
    server = _Server(("127.0.0.1", port), handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    scheme = "http" if certificate is None else "https"
    state.uri = f"{scheme}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def kfp_server() -> Iterator[KfpServer]:
    """An empty server for one user; a test may make it another with its fields."""
    with serving(KfpServer()) as state:
        yield state
