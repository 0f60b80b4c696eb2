"""Stands before a real server and misbehaves when told to; everything else passes through."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests

_OURS = {"host", "connection", "content-length", "transfer-encoding", "content-encoding"}


@dataclass
class Proxy:
    """Where it listens, and what it was told."""

    target: str
    uri: str = ""
    requests: list[str] = field(default_factory=list)
    _faults: list[dict[str, Any]] = field(default_factory=list)

    def fail(self, pattern: str, status: int = 0, *, times: int = 1, **how: Any) -> None:
        """On the next matching requests: answer with ``status``, or only after ``seconds``."""
        self._faults.append({"pattern": pattern, "status": status, "times": times, **how})

    def fault(self, line: str) -> dict[str, Any] | None:
        """What to do wrong now."""
        self.requests.append(line)
        for fault in self._faults:
            if fault["times"] > 0 and re.search(fault["pattern"], line):
                fault["times"] -= 1
                return fault
        return None


class _Handler(BaseHTTPRequestHandler):
    proxy: Proxy
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.proxy.fault(f"{self.command} {self.path}")
        if fault is not None:
            time.sleep(fault.get("seconds", 0))
            if fault["status"]:
                return self._send(fault["status"], b'{"message": "injected"}', fault)
        headers = {k: v for k, v in self.headers.items() if k.lower() not in _OURS}
        answer = requests.request(
            self.command, f"{self.proxy.target}{self.path}", data=body, headers=headers, timeout=60
        )
        kind = answer.headers.get("Content-Type", "application/json")
        self._send(answer.status_code, answer.content, {"headers": {"Content-Type": kind}})

    do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = _pass_on  # noqa: N815

    def log_message(self, *_: Any) -> None:
        """Quiet."""

    def _send(self, status: int, body: bytes, how: dict[str, Any]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **how.get("headers", {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def before(target: str) -> Iterator[Proxy]:
    """A proxy before ``target``, on this machine alone."""
    proxy = Proxy(target)
    handler = type("Handler", (_Handler,), {"proxy": proxy})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    proxy.uri = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
