"""A real ``mlflow server`` with accounts, on this machine alone, for every test that needs one."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import requests

from leanstage.registry.client import connect
from tests.mlflow_process import running

ADMIN = "admin"
GATE = "gate"
"""The account of the gate: it administers the workspace, which is what it needs to ask."""
PEOPLE = ("sam", "ada", "bo")
"""Ordinary accounts: they may read everything, and edit what they made."""


@dataclass(frozen=True)
class MlflowServer:
    """Where the server is, and who may enter."""

    uri: str
    passwords: dict[str, str] = field(repr=False)
    folder: Path = Path()
    """Where all of its files are."""

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

    @contextmanager
    def admin(self, name: str) -> Iterator[None]:
        """An account is an administrator for a while."""
        page = "2.0/mlflow/users/update-admin"
        self.set_up("PATCH", page, username=name, is_admin=True)
        try:
            yield
        finally:
            self.set_up("PATCH", page, username=name, is_admin=False)

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

    @contextmanager
    def role(self, user: str, kind: str, permission: str) -> Iterator[None]:
        """An account may do something with every resource of one kind, for a while."""
        roles = "3.0/mlflow/roles"
        name = f"role-{secrets.token_hex(4)}"
        made = self.set_up("POST", f"{roles}/create", workspace="default", name=name)
        role = {"role_id": made["role"]["id"]}
        try:
            grant = {"resource_type": kind, "resource_pattern": "*", "permission": permission}
            self.set_up("POST", f"{roles}/permissions/add", **role, **grant)
            self.set_up("POST", f"{roles}/assign", **role, username=user)
            yield
        finally:
            self.set_up("DELETE", f"{roles}/delete", **role)


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
    password = secrets.token_urlsafe(16)
    folder = tmp_path_factory.mktemp("mlflow-server")
    with running(folder, admin=ADMIN, password=password) as uri:
        server = MlflowServer(uri, {ADMIN: password}, folder)
        for name in (GATE, *PEOPLE):
            server.add_account(name)
        with server.role(GATE, "workspace", "MANAGE"):
            yield server
