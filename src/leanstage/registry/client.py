"""One way to reach MLflow, with its failures as sentences."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leanstage.errors import LeanstageError

if TYPE_CHECKING:
    from mlflow import MlflowClient

URI_VARIABLE = "MLFLOW_TRACKING_URI"
EXPERIMENT_VARIABLE = "MLFLOW_EXPERIMENT_NAME"
CHAMPION = "champion"


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
        # The exception quotes the address it tried, password included.
        first = re.sub(r"//[^/@\s]+@", "//", str(error).strip().partition("\n")[0])
        raise RegistryError(
            f"MLflow at {public_uri(tracking_uri())} refused: {first}",
            missing=getattr(error, "error_code", None) == "RESOURCE_DOES_NOT_EXIST",
        ) from error


def public_uri(uri: str) -> str:
    """A URI without user name and password."""
    return re.sub(r"://[^/\s]*@", "://", uri)


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
