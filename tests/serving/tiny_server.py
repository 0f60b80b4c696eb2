"""A server program that starts at once, for what is true of any: ``serve FOLDER PORT``."""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class Health(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Quiet."""


def main() -> None:
    _, folder, port = sys.argv
    if not (Path(folder) / "config.json").is_file():
        raise FileNotFoundError(f"{folder} holds\nno config.json.")
    ThreadingHTTPServer(("127.0.0.1", int(port)), Health).serve_forever()
