"""A stand-in for the HTTP API of Prometheus: instant vectors by a word of the query."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Prometheus:
    """Samples by a word that the query holds; ``raw`` answers in place of all, with its status."""

    samples: dict[str, list[tuple[dict[str, str], float]]] = field(default_factory=dict)
    raw: tuple[int, bytes] | None = None
    tokens: list[str | None] = field(default_factory=list)
    uri: str = ""

    def answer(self, query: str) -> dict[str, Any]:
        """As Prometheus answers a query that it could evaluate."""
        found = [
            {"metric": labels, "value": [1_790_000_000.0, str(value)]}
            for word, samples in self.samples.items()
            if word in query
            for labels, value in samples
        ]
        return {"status": "success", "data": {"resultType": "vector", "result": found}}


@contextmanager
def serving(state: Prometheus) -> Iterator[Prometheus]:
    """Serve it on this machine alone."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            state.tokens.append(self.headers.get("Authorization"))
            if state.raw is not None:
                code, body = state.raw
            elif parts.path != "/api/v1/query":
                code, body = 404, b"404 page not found"
            else:
                code, body = (
                    200,
                    json.dumps(state.answer(parse_qs(parts.query)["query"][0])).encode(),
                )
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    state.uri = f"http://127.0.0.1:{server.server_port}"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
