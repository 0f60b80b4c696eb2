"""The trigger's HTTP service on this machine, in a thread or as the process that users start."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
import uvicorn
from fastapi import FastAPI
from mlflow.webhooks.delivery import _generate_hmac_signature

SECRET = "a secret of the tests, and of nothing else"


def signed(body: bytes, *, secret: str = SECRET, id: str = "d-1", at: float | None = None) -> Any:
    """Headers as MLflow makes them, by MLflow's own code."""
    stamp = str(int(time.time() if at is None else at))
    signature = _generate_hmac_signature(secret, id, stamp, body.decode())
    return {
        "Content-Type": "application/json",
        "X-MLflow-Delivery-Id": id,
        "X-MLflow-Timestamp": stamp,
        "X-MLflow-Signature": signature,
    }


@contextmanager
def served(app: FastAPI, **options: Any) -> Iterator[str]:
    """Serve an app in a thread; gives its address."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", **options)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(30)


def until(holds: Any, seconds: float = 120) -> Any:
    """Wait until something holds, and return it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := holds():
            return found
        time.sleep(0.05)
    raise AssertionError(f"it did not come about within {seconds} s")


class Service:
    """`leanstage trigger` as a process of its own."""

    def __init__(self, folder: Path, *options: str, **environment: str) -> None:
        self._log = folder / f"trigger-{time.monotonic_ns()}.log"
        command = [sys.executable, "-c", "from leanstage.cli import main; main()", "trigger"]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, *options, "--host", "127.0.0.1", "--port", environment.pop("PORT", "0")],
                stdout=log,
                stderr=log,
                env={
                    **os.environ,
                    "LEANSTAGE_WEBHOOK_SECRET": SECRET,
                    "LEANSTAGE_TRIGGER_SETTLE_SECONDS": "0",
                    "LEANSTAGE_TRIGGER_UNSURE_SECONDS": "0",
                    **environment,
                },
            )

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8")

    @property
    def uri(self) -> str:
        found = until(lambda: re.search(r"running on (http://[\d.:]+)", self.log))
        return str(found[1])

    def get(self, path: str) -> requests.Response:
        return requests.get(f"{self.uri}{path}", timeout=10)

    def ready(self) -> bool:
        return self.get("/readyz").status_code == 200

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the end."""
        self.process.send_signal(number)
        return self.process.wait(30)

    def __enter__(self) -> "Service":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
