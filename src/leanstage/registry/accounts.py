"""The accounts of an MLflow server, and how it is asked about them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from leanstage.registry.client import RegistryError, refusals, tracking_uri
from leanstage.uris import public_uri

Grant = tuple[str, str, str, str]
"""Workspace, kind of resource, its name or ``*``, and the permission."""


@dataclass(frozen=True)
class Account:
    """A user of MLflow and what its roles grant it, as far as the asking account may see."""

    name: str
    is_admin: bool
    grants: frozenset[Grant] = frozenset()


def get(path: str, **params: str) -> tuple[int, Any]:
    """Status and JSON of an answer, None where it is no JSON."""
    from mlflow.utils.credentials import get_default_host_creds
    from mlflow.utils.rest_utils import http_request

    with refusals():
        answer = http_request(get_default_host_creds(tracking_uri()), path, "GET", params=params)
    try:
        return answer.status_code, answer.json()
    except ValueError:
        return answer.status_code, None


def no_such_page(answer: tuple[int, Any]) -> bool:
    """Whether the server lacks the page: MLflow's own refusals carry an error code."""
    status, body = answer
    return status == 404 and not (isinstance(body, dict) and "error_code" in body)


def told(answer: tuple[int, Any], what: str) -> Any:
    """The JSON of an answer.

    Raises:
        RegistryError: the server does not ``what`` it was asked to.
    """
    status, body = answer
    if status == 200:
        return body
    hint = {
        401: "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD",
        403: "make it an administrator of MLflow, or give it MANAGE on the workspace",
    }.get(status, f"it answered with status {status}")
    raise RegistryError(f"MLflow at {public_uri(tracking_uri())} does not {what}; {hint}.")


@contextmanager
def known_form() -> Iterator[None]:
    """Turn what does not fit the expected form into an error: it allows no conclusion."""
    try:
        yield
    except (KeyError, TypeError, AttributeError) as error:
        raise RegistryError(
            f"MLflow at {public_uri(tracking_uri())} describes permissions in a form that is not "
            f"known here ({error!r}); the server must be of version 3.17 or later."
        ) from error


def account_of(user: Mapping[str, Any]) -> Account:
    """An account as MLflow describes it."""
    return Account(
        name=str(user["username"]),
        is_admin=user["is_admin"] is not False,
        grants=frozenset(
            (
                str(role["workspace"]),
                str(grant["resource_type"]),
                str(grant["resource_pattern"]),
                str(grant["permission"]),
            )
            for role in user.get("roles", ())
            for grant in role["permissions"]
        ),
    )
