"""One way to reach MLflow, with its failures as sentences."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from leanstage.errors import LeanstageError
from leanstage.uris import public_uri

if TYPE_CHECKING:
    from mlflow import MlflowClient

URI_VARIABLE = "MLFLOW_TRACKING_URI"
EXPERIMENT_VARIABLE = "MLFLOW_EXPERIMENT_NAME"
CHAMPION = "champion"
_WITH_PASSWORD = ("http", "https", "mlflow-artifacts")
"""Schemes of places that MLflow's client asks with its user name and password."""


class RegistryError(LeanstageError):
    """MLflow cannot be reached or refuses; ``missing`` where it answers that nothing is there."""

    def __init__(self, message: str, *, missing: bool = False) -> None:
        super().__init__(message)
        self.missing = missing


def tracking_uri() -> str:
    """The MLflow that this process is told to use.

    Raises:
        RegistryError: none is configured; evidence would be lost.
    """
    uri = os.environ.get(URI_VARIABLE)
    if not uri:
        raise RegistryError(
            f"{URI_VARIABLE} is not set; name the MLflow server that keeps the evidence."
        )
    return uri


def runs_experiment() -> str:
    """The experiment for runs and baselines: each user's own where several share a server."""
    return os.environ.get(EXPERIMENT_VARIABLE) or "leanstage"


def connect() -> "MlflowClient":
    """A client of the configured MLflow, tracking and registry alike."""
    import logging

    # Migrations of a new database and download bars are no news to a user.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    # Nothing is told to anybody that the user did not name.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    import mlflow
    from mlflow import MlflowClient

    logging.getLogger("mlflow").setLevel(logging.WARNING)
    uri = tracking_uri()
    mlflow.set_tracking_uri(uri)
    with refusals():
        return MlflowClient(uri)


@contextmanager
def refusals() -> Iterator[None]:
    """Turn MLflow's exceptions into one sentence that names the server without its password."""
    import requests
    from mlflow.exceptions import MlflowException

    try:
        yield
    except (MlflowException, requests.RequestException) as error:
        raise RegistryError(
            f"MLflow at {public_uri(tracking_uri())} refused: {said_by(error)}",
            missing=getattr(error, "error_code", None) == "RESOURCE_DOES_NOT_EXIST",
        ) from error


def said_by(error: BaseException) -> str:
    """The first line of what an exception says, the innermost where it carries another, without
    the password of an address that it quotes."""
    while error.args and isinstance(error.args[0], BaseException):
        error = error.args[0]
    text = str(error.args[0] if error.args else error).strip() or type(error).__name__
    return re.sub(r"//[^/@\s]+@", "//", text.partition("\n")[0])


def require_own_host(place: str) -> None:
    """Refuse a place at which MLflow's client would show its password to another host.

    Raises:
        RegistryError: it lies at one.
    """
    parts, own = urlsplit(place), urlsplit(tracking_uri())
    hosts = [each.netloc.rpartition("@")[2] for each in (parts, own)]
    if parts.scheme in _WITH_PASSWORD and hosts[0] and hosts[0] != hosts[1]:
        raise RegistryError(
            f"its source names the host {hosts[0]}, to which MLflow's client would send its "
            "password; register it from a store of its own."
        )


def experiment_id(client: "MlflowClient", name: str) -> str:
    """The id of an experiment, made where it is missing.

    With an embedded database the artifacts go beside it, not into the current folder.
    """
    from mlflow.exceptions import MlflowException

    with refusals():
        found = client.get_experiment_by_name(name)
        if found is not None:
            return str(found.experiment_id)
        try:
            return str(client.create_experiment(name, artifact_location=_embedded_location(name)))
        except MlflowException:
            # Somebody else made it between the two calls.
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
            return str(found.experiment_id)


def _embedded_location(name: str) -> str | None:
    uri = tracking_uri()
    if not uri.startswith("sqlite:///"):
        return None
    return (Path(uri.removeprefix("sqlite:///")).parent / "artifacts" / name).as_uri()


def embedded() -> bool:
    """Whether MLflow is a database of this machine, without a server."""
    return tracking_uri().startswith("sqlite:")


def embedded_uri(home: Path) -> str:
    """The tracking URI of the embedded MLflow that lives in ``home``."""
    return f"sqlite:///{home.resolve() / 'mlflow.db'}"


def pages(search: Callable[..., Any], **query: Any) -> Iterator[Any]:
    """Every result of a paged MLflow search."""
    token = None
    while True:
        with refusals():
            page = search(page_token=token, **query)
        yield from page
        token = page.token
        if not token:
            return


def quoted(text: str) -> str:
    """A string literal for an MLflow filter.

    Raises:
        RegistryError: it holds a quote, which MLflow's filters cannot carry.
    """
    if "'" in text:
        raise RegistryError(f"{text!r} holds a quote; give the model a name without one.")
    return f"'{text}'"
