"""A server of this machine alone that answers GET by a function: stand-ins for APIs use it."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

Answer = Callable[[str, dict[str, str], str | None], tuple[int, bytes]]
"""Status and body, from path, query and the header ``Authorization``."""


class Handler(BaseHTTPRequestHandler):
    """Answers JSON, and is quiet: a stand-in notes what tests want to know."""

    protocol_version = "HTTP/1.1"

    def reply(self, code: int, body: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@contextmanager
def serving(
    handler: type[BaseHTTPRequestHandler], certificate: Path | None = None
) -> Iterator[str]:
    """Serve, with TLS by a certificate with its key where there is one; gives the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http{'s' if certificate else ''}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def answering(answer: Answer, certificate: Path | None = None) -> Iterator[str]:
    """As :func:`serving`, what a function answers to GET."""

    class Answering(Handler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            self.reply(*answer(parts.path, query, self.headers.get("Authorization")))

    with serving(Answering, certificate) as url:
        yield url
