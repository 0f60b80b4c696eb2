"""What MLflow's permissions allow: asked of the server, which answers as its own check would."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from leanstage.registry.accounts import (
    Account,
    Grant,
    account_of,
    get,
    known_form,
    no_such_page,
    told,
)
from leanstage.registry.client import RegistryError, tracking_uri
from leanstage.uris import public_uri

_CURRENT = "/api/2.0/mlflow/users/current"
_ONE = "/api/2.0/mlflow/users/get"
_ALL = "/api/2.0/mlflow/users/list"
_EFFECTIVE = "/api/3.0/mlflow/users/permissions/get"

_CANNOT_EDIT = frozenset({"READ", "USE", "DENY", "NO_PERMISSIONS"})
"""A permission of any other name, also one that is not known here, counts as one to edit."""


@dataclass(frozen=True)
class Editors:
    """Who may write: ``users`` by a permission, ``admins`` because nothing is closed to them."""

    users: tuple[str, ...]
    admins: tuple[str, ...]


class Permissions:
    """The permissions of one server, asked with the account of this process; answers are kept.

    Every method raises RegistryError where MLflow does not tell: whatever is not known to be
    forbidden must not be taken for that.
    """

    def __init__(self, account: Account) -> None:
        self.account = account
        self._accounts: Mapping[str, Account] | None = None
        self._answers: dict[tuple[str, str, str], bool] = {}

    def accounts(self) -> Mapping[str, Account]:
        """Every account by its name."""
        if self._accounts is None:
            body = told(get(_ALL), f"let the account {self.account.name} list its accounts")
            with known_form():
                found = [account_of(user) for user in body["users"]]
            self._accounts = {account.name: account for account in found}
        return self._accounts

    def is_admin(self, user: str) -> bool:
        """Whether an account is an administrator; False where there is no such account."""
        account = self.accounts().get(user)
        return account is not None and account.is_admin

    def editors(self, experiment_id: str) -> Editors:
        """Everybody who may start runs in an experiment or write into them."""
        return self._who(lambda user: self._may_edit_runs(user, experiment_id), experiment_id)

    def content_editors(self, experiment_id: str) -> Editors:
        """Everybody who may write to an experiment, or into the runs or models in it."""
        return self._who(lambda user: self.may_edit_experiment(user, experiment_id), experiment_id)

    def model_editors(self, name: str) -> Editors:
        """Everybody who may edit a registered model or its versions."""
        return self._who(lambda user: self.may_edit_model(user, name), name)

    def _who(self, may: Callable[[str], bool], key: str) -> Editors:
        """Accounts that may do something with the resource ``key``.

        MLflow decides from grants and its default alone, so of the accounts that hold the same
        grants one is asked about: with hundreds of accounts, each request hashing a password,
        asking about all of them would take minutes.
        """
        alike: dict[frozenset[Grant] | str, list[str]] = {}
        admins = []
        for name, account in self.accounts().items():
            if account.is_admin:
                admins.append(name)
            elif name == self.account.name:
                # Anybody may ask about himself: his answer must not stand for that of others.
                alike[name] = [name]
            else:
                alike.setdefault(_bearing_on(key, account.grants), []).append(name)
        users = [name for names in alike.values() if may(names[0]) for name in names]
        return Editors(tuple(sorted(users)), tuple(sorted(admins)))

    def may_create_runs(self, user: str, experiment_id: str) -> bool:
        """Whether an account may start a run in an experiment."""
        return self._may_edit(user, "experiment", experiment_id)

    def may_edit_experiment(self, user: str, experiment_id: str) -> bool:
        """Whether an account may write to an experiment, or into the runs or models in it."""
        return self._may_edit_runs(user, experiment_id) or self._may_edit(user, "logged_model", "*")

    def may_edit_model(self, user: str, name: str) -> bool:
        """Whether an account may edit a registered model or its versions."""
        return self._may_edit(user, "registered_model", name) or self._may_edit(
            user, "registered_model_version", "*"
        )

    def _may_edit_runs(self, user: str, experiment_id: str) -> bool:
        # A role can open the runs of all experiments; the answer about one does not show it.
        return self._may_edit(user, "experiment", experiment_id) or self._may_edit(user, "run", "*")

    def _may_edit(self, user: str, kind: str, key: str) -> bool:
        known = self.account if user == self.account.name else self.accounts().get(user)
        if known is None:
            return False
        if known.is_admin:
            # MLflow answers from grants alone, which administrators do not need.
            return True
        if (user, kind, key) not in self._answers:
            body = told(
                get(_EFFECTIVE, username=user, resource_type=kind, resource_id=key),
                f"tell the account {self.account.name} what {user} may do",
            )
            with known_form():
                self._answers[user, kind, key] = str(body["permission"]) not in _CANNOT_EDIT
        return self._answers[user, kind, key]


def permissions() -> Permissions | None:
    """The permissions of the configured MLflow; None where it keeps none.

    Raises:
        RegistryError: it keeps some, and does not let this account in or cannot be asked.
    """
    if urlsplit(tracking_uri()).scheme not in {"http", "https"}:
        return None
    answer = get(_CURRENT)
    if no_such_page(answer):
        if no_such_page(get(_ONE, username="nobody")):
            return None
        raise RegistryError(
            f"MLflow at {public_uri(tracking_uri())} keeps permissions in an older form; the "
            "server must be of version 3.17 or later."
        )
    body = told(answer, "let this account in")
    with known_form():
        return Permissions(account_of(body["user"]))


def _bearing_on(key: str, grants: frozenset[Grant]) -> frozenset[Grant]:
    """The grants that can matter for a resource: all but those that plainly name another one."""
    return frozenset(
        grant for grant in grants if grant[2] == key or not re.fullmatch(r"[\w .-]+", grant[2])
    )
