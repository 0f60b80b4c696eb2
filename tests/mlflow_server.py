"""A real ``mlflow server`` with accounts, on this machine alone, for every test that needs one."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import requests

from leanstage.registry.client import connect

START_SECONDS = 120
MOST_SECONDS = 1800

ADMIN = "admin"
GATE = "gate"
"""The account of the gate: it administers the workspace, which is what it needs to ask."""
PEOPLE = ("sam", "ada", "bo")
"""Ordinary accounts: they may read everything, and edit what they made."""

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


@dataclass(frozen=True)
class MlflowServer:
    """Where the server is, and who may enter."""

    uri: str
    passwords: dict[str, str] = field(repr=False)

    @contextmanager
    def as_user(self, name: str) -> Iterator[None]:
        """This process uses the server with the account ``name``."""
        with patch.dict(
            os.environ,
            {
                "MLFLOW_TRACKING_URI": self.uri,
                "MLFLOW_TRACKING_USERNAME": name,
                "MLFLOW_TRACKING_PASSWORD": self.passwords[name],
                "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
            },
        ):
            yield

    def client(self, name: str) -> "Client":
        """An MlflowClient that stays with the account ``name``."""
        return Client(self, name)

    def ask(self, name: str, method: str, path: str, /, **body: Any) -> requests.Response:
        """One request of the account ``name`` to a page below ``/api``."""
        given = {"params": body} if method == "GET" else {"json": body}
        return requests.request(
            method,
            f"{self.uri}/api/{path}",
            auth=(name, self.passwords[name]),
            timeout=30,
            **given,  # type: ignore[arg-type]
        )

    def set_up(self, method: str, path: str, /, **body: Any) -> Any:
        """One request of the administrator, which must succeed; returns its JSON."""
        answer = self.ask(ADMIN, method, path, **body)
        answer.raise_for_status()
        return answer.json()

    def add_account(self, name: str) -> None:
        """A new account without any permission of its own."""
        self.passwords[name] = secrets.token_urlsafe(16)
        self.set_up("POST", "2.0/mlflow/users/create", username=name, password=self.passwords[name])

    def remove_account(self, name: str) -> None:
        """Take an account away with all of its permissions."""
        self.set_up("DELETE", "2.0/mlflow/users/delete", username=name)
        del self.passwords[name]

    def make_admin(self, name: str, is_admin: bool) -> None:
        """Make an account an administrator, or an ordinary one again."""
        self.set_up("PATCH", "2.0/mlflow/users/update-admin", username=name, is_admin=is_admin)

    def grant(self, user: str, kind: str, key: str, permission: str) -> None:
        """Let ``user`` do something with a resource: an experiment by id, a model by name."""
        self.set_up(
            "POST",
            "3.0/mlflow/users/permissions/grant",
            username=user,
            resource_type=kind,
            resource_id=key,
            permission=permission,
        )

    def revoke(self, user: str, kind: str, key: str) -> None:
        """Take back what was granted."""
        self.set_up(
            "POST",
            "3.0/mlflow/users/permissions/revoke",
            username=user,
            resource_type=kind,
            resource_id=key,
        )

    def role(self, user: str, kind: str, permission: str) -> int:
        """Give ``user`` a new role for every resource of one kind; returns the role."""
        role = self.set_up(
            "POST",
            "3.0/mlflow/roles/create",
            workspace="default",
            name=f"role-{secrets.token_hex(4)}",
        )["role"]["id"]
        self.set_up(
            "POST",
            "3.0/mlflow/roles/permissions/add",
            role_id=role,
            resource_type=kind,
            resource_pattern="*",
            permission=permission,
        )
        self.set_up("POST", "3.0/mlflow/roles/assign", username=user, role_id=role)
        return int(role)

    def drop_role(self, role: int) -> None:
        """Take a role away from everybody."""
        self.set_up("DELETE", "3.0/mlflow/roles/delete", role_id=role)


@dataclass(frozen=True)
class Client:
    """Every method of an MlflowClient, called with one account."""

    server: MlflowServer
    name: str

    def __getattr__(self, method: str) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            with self.server.as_user(self.name):
                return getattr(connect(), method)(*arguments, **options)

        return call


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """One MLflow server with its basic-auth app and a few accounts, for the whole session."""
    folder = tmp_path_factory.mktemp("mlflow-server")
    server = MlflowServer(f"http://127.0.0.1:{_free_port()}", {ADMIN: secrets.token_urlsafe(16)})
    keeper = _start(server, folder)
    try:
        _await(server.uri, keeper, folder)
        for name in (GATE, *PEOPLE):
            server.add_account(name)
        server.role(GATE, "workspace", "MANAGE")
        yield server
    finally:
        _stop(keeper)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _settings(server: MlflowServer, folder: Path) -> dict[str, str]:
    """The settings of the server and its basic-auth app, as environment variables."""
    settings = folder / "basic_auth.ini"
    settings.write_text(
        "[mlflow]\n"
        "default_permission = READ\n"
        f"database_uri = sqlite:///{folder / 'accounts.db'}\n"
        f"admin_username = {ADMIN}\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
        # Without it every request hashes the password anew, a quarter of a second of CPU.
        "auth_cache_ttl_seconds = 300\n"
    )
    return {
        "MLFLOW_AUTH_CONFIG_PATH": str(settings),
        "MLFLOW_AUTH_ADMIN_PASSWORD": server.passwords[ADMIN],
        "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_hex(16),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }


def _start(server: MlflowServer, folder: Path) -> "subprocess.Popen[bytes]":
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    command = [sys.executable, "-m", "mlflow", "server", "--app-name", "basic-auth"]
    command += ["--workers", "1", "--host", "127.0.0.1", "--port", server.uri.rpartition(":")[2]]
    command += ["--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    with (folder / "server.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-c", _KEEPER, str(MOST_SECONDS), *command],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env={**clean, **_settings(server, folder)},
            cwd=folder,
            start_new_session=True,
        )


def _await(uri: str, keeper: "subprocess.Popen[bytes]", folder: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and keeper.poll() is None:
        try:
            if requests.get(f"{uri}/health", timeout=5).ok:
                return
        except requests.RequestException:
            pass
        time.sleep(0.2)
    tail = (folder / "server.log").read_text(errors="replace")[-2000:]
    pytest.fail(f"the MLflow server did not start; is mlflow[auth] installed?\n{tail}")


def _stop(keeper: "subprocess.Popen[bytes]") -> None:
    if keeper.stdin is not None:
        keeper.stdin.close()
    try:
        keeper.wait(15)
    except subprocess.TimeoutExpired:
        os.killpg(keeper.pid, signal.SIGKILL)
        keeper.wait()
