"""The files of a stored model one by one, each going on where a broken download left it."""

import posixpath
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from leanstage.registry.client import RegistryError, connect, public_uri, refusals, tracking_uri

if TYPE_CHECKING:
    from tenacity import RetryCallState

PIECE = 1 << 16
"""Bytes that are written at once, of which a broken connection may lose one piece."""
ATTEMPTS = 8
"""Broken connections in a row, of which none brought a byte, before a file is given up."""
LONGEST_WAIT = 30.0
"""Seconds between two attempts."""


class BrokenError(RegistryError):
    """A file did not come whole; asking again may bring the rest."""


class Stored:
    """A stored model's files, through MLflow's server or from the place that it names.

    Raises:
        RegistryError: there is no such model.
    """

    def __init__(self, model_id: str) -> None:
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
        from mlflow.store.artifact.http_artifact_repo import HttpArtifactRepository

        with refusals():
            self.location = str(connect().get_logged_model(model_id).artifact_location)
            self._repository = get_artifact_repository(self.location)
        self._http = isinstance(self._repository, HttpArtifactRepository)

    def size(self, path: str) -> int | None:
        """Bytes of a file; None where there is none of that name."""
        with refusals():
            found = self._repository.list_artifacts(posixpath.dirname(path))
        return next((one.file_size for one in found if one.path == path and not one.is_dir), None)

    def fetch(self, path: str, target: Path, *, size: int) -> None:
        """Bring one file to ``target``, whose bytes so far, if any, are taken as its beginning.

        They are if an earlier call left them; whether the whole is what it should be, its hash
        says. A connection that breaks is made again, as long as some bytes come each time.

        Args:
            size: of the whole file, in bytes.

        Raises:
            RegistryError: the file is missing or does not come.
        """
        import tenacity

        target.parent.mkdir(parents=True, exist_ok=True)
        if not self._http:
            return self._whole(path, target)
        progress = _Progress(target)
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(BrokenError),
            stop=progress.stuck,
            wait=tenacity.wait_exponential_jitter(0.5, LONGEST_WAIT),
            reraise=True,
        )
        retrying(self._go_on, path, target, size)

    def _whole(self, path: str, target: Path) -> None:
        """From a store that is asked directly: MLflow's client for it has retries of its own."""
        with refusals(), tempfile.TemporaryDirectory(dir=target.parent) as folder:
            brought = Path(self._repository.download_artifacts(path, folder))
            # A store on this machine may name its own file, which is nobody's to move.
            inside = brought.is_relative_to(Path(folder).resolve())
            (shutil.move if inside else shutil.copyfile)(brought, target)

    def _go_on(self, path: str, target: Path, size: int) -> None:
        there = target.stat().st_size if target.is_file() else 0
        if there > size:
            target.unlink()
            there = 0
        if there == size and target.is_file():
            return
        with self._answer(path, there) as response:
            # A server that knows no ranges begins anew.
            resumed = response.status_code == 206
            with target.open("ab" if resumed else "wb") as stream:
                for piece in _pieces(path, response):
                    stream.write(piece)
                reached = stream.tell()
        if reached != size:
            raise BrokenError(
                f"{path} came with {reached:,} of {size:,} bytes from MLflow at "
                f"{public_uri(tracking_uri())}; try again, or ask whoever runs it if its files "
                "are whole."
            )

    @contextmanager
    def _answer(self, path: str, there: int) -> Iterator[Any]:
        from mlflow.utils.credentials import get_default_host_creds
        from mlflow.utils.rest_utils import http_request

        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={there}-"} if there else {})
        creds = get_default_host_creds(self._repository.artifact_uri)
        with _broken(path):
            response = http_request(
                creds, f"/{quote(path)}", "GET", stream=True, extra_headers=headers
            )
        with response:
            if response.status_code not in (200, 206):
                raise RegistryError(
                    f"MLflow at {public_uri(tracking_uri())} answers {response.status_code} for "
                    f"{path}; make sure that this account may read the experiment that holds it, "
                    "and that its bytes are still there.",
                    missing=response.status_code == 404,
                )
            yield response


class _Progress:
    """Counts the attempts that brought nothing."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._reached, self._idle = self._size(), 0

    def stuck(self, _: "RetryCallState") -> bool:
        now = self._size()
        self._idle = 0 if now > self._reached else self._idle + 1
        self._reached = now
        return self._idle >= ATTEMPTS

    def _size(self) -> int:
        return self._target.stat().st_size if self._target.is_file() else 0


def _pieces(path: str, response: Any) -> Iterator[bytes]:
    with _broken(path):
        yield from response.iter_content(PIECE)


@contextmanager
def _broken(path: str) -> Iterator[None]:
    import requests
    from mlflow.exceptions import MlflowException

    try:
        yield
    except (requests.RequestException, MlflowException) as error:
        cause: BaseException = error
        while cause.args and isinstance(cause.args[0], BaseException):
            cause = cause.args[0]
        first = str(cause.args[0] if cause.args else cause).partition("\n")[0]
        raise BrokenError(
            f"MLflow at {public_uri(tracking_uri())} did not give {path} ({first}); try again once "
            "it answers."
        ) from error
