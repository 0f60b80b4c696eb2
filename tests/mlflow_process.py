"""The process of an ``mlflow server``: on this machine alone, and never longer than its tests."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from cryptography.fernet import Fernet

START_SECONDS = 120
ATTEMPTS = 3
"""Somebody else may take the port while the server is still on its way to it."""
MOST_SECONDS = 7200
"""Longer than any whole run of the suite; the server ends with its parent long before."""

# Ends with its parent, whatever becomes of it, and never outlives its time.
_KEEPER = """
import os, select, signal, subprocess, sys, time
until = time.monotonic() + float(sys.argv[1])
server = subprocess.Popen(sys.argv[2:])
while server.poll() is None and time.monotonic() < until:
    if select.select([sys.stdin], [], [], 0.5)[0]:
        break
server.terminate()
try:
    server.wait(10)
finally:
    os.killpg(0, signal.SIGKILL)
"""


PLAIN = "mlflow.server.auth:authenticate_request_basic_auth"


@contextmanager
def running(
    folder: Path,
    *,
    admin: str,
    password: str,
    authorization: str = PLAIN,
    environment: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """Run a server with its basic-auth app, all of its files in ``folder``; gives its URI."""
    settings = {**_settings(folder, admin, password, authorization), **(environment or {})}
    for _ in range(ATTEMPTS):
        uri = f"http://127.0.0.1:{_free_port()}"
        keeper = _start(uri, folder, settings)
        try:
            if _answers(uri, keeper):
                yield uri
                return
        finally:
            _stop(keeper)
    tail = (folder / "server.log").read_text(errors="replace")[-2000:]
    pytest.fail(f"the MLflow server did not start; is mlflow[auth] installed?\n{tail}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _settings(folder: Path, admin: str, password: str, authorization: str) -> dict[str, str]:
    """The settings of the server and its basic-auth app, as environment variables."""
    settings = folder / "basic_auth.ini"
    settings.write_text(
        "[mlflow]\n"
        "default_permission = READ\n"
        f"database_uri = sqlite:///{folder / 'accounts.db'}\n"
        f"admin_username = {admin}\n"
        f"authorization_function = {authorization}\n"
        # Without it every request hashes the password anew, a quarter of a second of CPU.
        "auth_cache_ttl_seconds = 300\n"
    )
    return {
        "MLFLOW_AUTH_CONFIG_PATH": str(settings),
        "MLFLOW_AUTH_ADMIN_PASSWORD": password,
        "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_hex(16),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        # Webhooks to this machine, and a new one is noticed at once.
        "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true",
        "MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http,https",
        "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": Fernet.generate_key().decode(),
        "MLFLOW_WEBHOOK_CACHE_TTL": "1",
        "MLFLOW_WEBHOOK_REQUEST_MAX_RETRIES": "1",
    }


def _start(uri: str, folder: Path, settings: dict[str, str]) -> "subprocess.Popen[bytes]":
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    command = [sys.executable, "-m", "mlflow", "server", "--app-name", "basic-auth"]
    command += ["--workers", "1", "--host", "127.0.0.1", "--port", uri.rpartition(":")[2]]
    command += ["--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    with (folder / "server.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-c", _KEEPER, str(MOST_SECONDS), *command],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env={**clean, **settings},
            cwd=folder,
            start_new_session=True,
        )


def _answers(uri: str, keeper: "subprocess.Popen[bytes]") -> bool:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and keeper.poll() is None:
        try:
            if requests.get(f"{uri}/health", timeout=5).ok:
                return True
        except requests.RequestException:
            pass
        time.sleep(0.2)
    return False


def _stop(keeper: "subprocess.Popen[bytes]") -> None:
    if keeper.stdin is not None:
        keeper.stdin.close()
    try:
        keeper.wait(15)
    except subprocess.TimeoutExpired:
        os.killpg(keeper.pid, signal.SIGKILL)
        keeper.wait()
