"""The files of a stored model one by one, each going on where a broken download left it."""

import posixpath
import re
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from leanstage.registry.client import (
    RegistryError,
    connect,
    refusals,
    require_own_host,
    said_by,
    tracking_uri,
)
from leanstage.uris import public_uri

if TYPE_CHECKING:
    from tenacity import RetryCallState

PIECE = 1 << 16
"""Bytes that are written at once, of which a broken connection may lose one piece."""
ATTEMPTS = 8
"""Broken connections in a row, of which none brought a byte, before a file is given up."""
LONGEST_WAIT = 30.0
"""Seconds between two attempts."""
TIMEOUT = 60
"""Seconds in which a server has to answer, and to send something more."""
_PASSING = (408, 425, 429, 500, 502, 503, 504)
"""Answers after which asking again may help."""


class BrokenError(RegistryError):
    """A file did not come whole; asking again may bring the rest."""


class Stored:
    """A stored model's files, through MLflow's server or from the place that it names.

    Attributes:
        location: where they lie, without a password.
        stopped: set by whoever has no use for what is still on its way.

    Raises:
        RegistryError: there is no such model, or it lies at a host that is not MLflow's own.
    """

    def __init__(self, model_id: str) -> None:
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
        from mlflow.store.artifact.http_artifact_repo import HttpArtifactRepository

        with refusals():
            place = str(connect().get_logged_model(model_id).artifact_location)
        require_own_host(place)
        self.location = public_uri(place)
        self.stopped = threading.Event()
        with self._unreadable(""):
            self._repository = get_artifact_repository(place)
        self._http = isinstance(self._repository, HttpArtifactRepository)

    def size(self, path: str) -> int | None:
        """Bytes of a file; None where there is none of that name."""
        with self._unreadable(path):
            found = self._repository.list_artifacts(posixpath.dirname(path))
        return next((one.file_size for one in found if one.path == path and not one.is_dir), None)

    def fetch(self, path: str, target: Path, *, size: int) -> None:
        """Bring one file to ``target``, whose bytes so far, if any, are taken as its beginning.

        They are if an earlier call left them; whether the whole is what it should be, its hash
        says. A connection that breaks is made again, as long as some bytes come each time.

        Args:
            size: of the whole file, in bytes; not one more is taken.

        Raises:
            RegistryError: the file is missing, has another size, or does not come.
        """
        import tenacity

        target.parent.mkdir(parents=True, exist_ok=True)
        if not self._http:
            return self._whole(path, target)
        progress = _Progress(target)
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(
                lambda error: isinstance(error, BrokenError) and not self.stopped.is_set()
            ),
            stop=progress.stuck,
            wait=tenacity.wait_exponential_jitter(0.5, LONGEST_WAIT),
            sleep=tenacity.sleep_using_event(self.stopped),
            reraise=True,
        )
        retrying(self._go_on, path, target, size)

    def _whole(self, path: str, target: Path) -> None:
        """From a store that is asked directly: MLflow's client for it has retries of its own."""
        with self._unreadable(path), tempfile.TemporaryDirectory(dir=target.parent) as folder:
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
            _require_size(path, _whole_size(response), size)
            with target.open("ab" if resumed else "wb") as stream:
                for piece in self._pieces(path, response):
                    stream.write(piece)
                    if stream.tell() > size:
                        break
                reached = stream.tell()
        if reached > size:
            target.unlink()
            _require_size(path, reached, size)
        if reached < size:
            raise BrokenError(self._not_given(path, f"{reached:,} of {size:,} bytes came"))

    @contextmanager
    def _answer(self, path: str, there: int) -> Iterator[Any]:
        from mlflow.utils.credentials import get_default_host_creds
        from mlflow.utils.rest_utils import http_request

        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={there}-"} if there else {})
        creds = get_default_host_creds(self._repository.artifact_uri)
        # Retries are ours: those of the client would begin anew.
        once = {"max_retries": 0, "raise_on_status": False, "timeout": TIMEOUT}
        with self._breaking(path):
            response = http_request(
                creds, f"/{quote(path)}", "GET", stream=True, extra_headers=headers, **once
            )
        with response:
            status = response.status_code
            if status == 416:
                # Nothing begins where what is here ends.
                raise _other_size(path, f"at most {there:,}")
            if status in _PASSING:
                raise BrokenError(self._not_given(path, f"it answers {status}"))
            if status not in (200, 206):
                raise RegistryError(
                    f"MLflow at {public_uri(tracking_uri())} answers {status} for {path}; make "
                    "sure that this account may read the experiment that holds it, and that its "
                    "bytes are still there.",
                    missing=status == 404,
                )
            yield response

    def _pieces(self, path: str, response: Any) -> Iterator[bytes]:
        with self._breaking(path):
            for piece in response.iter_content(PIECE):
                if self.stopped.is_set():
                    raise BrokenError(self._not_given(path, "nobody waits for it any longer"))
                yield piece

    @contextmanager
    def _breaking(self, path: str) -> Iterator[None]:
        import requests
        from mlflow.exceptions import MlflowException

        try:
            yield
        except (requests.RequestException, MlflowException) as error:
            raise BrokenError(self._not_given(path, said_by(error))) from error

    @contextmanager
    def _unreadable(self, path: str) -> Iterator[None]:
        try:
            with refusals():
                yield
        except RegistryError:
            raise
        except Exception as error:  # each kind of store has errors of its own
            raise RegistryError(
                f"{path or 'the model'} cannot be read from {self.location} "
                f"({type(error).__name__}: {said_by(error)}); make sure that what its kind of "
                "store needs is installed and configured here."
            ) from error

    def _not_given(self, path: str, why: str) -> str:
        return (
            f"MLflow at {public_uri(tracking_uri())} did not give {path} ({why}); try again once "
            "it answers."
        )


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


def _whole_size(response: Any) -> int | None:
    """Bytes of the whole file, as the headers of an answer have it; None where they do not."""
    if response.status_code == 206:
        match = re.fullmatch(r"bytes \d+-\d+/(\d+)", response.headers.get("Content-Range", ""))
        return int(match[1]) if match else None
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() else None


def _require_size(path: str, found: int | None, size: int) -> None:
    if found is not None and found != size:
        raise _other_size(path, f"{found:,}")


def _other_size(path: str, found: str) -> RegistryError:
    return RegistryError(
        f"{path} has {found} bytes, and not as many as were signed: it was changed where it is "
        "stored; roll back to an earlier champion (leanstage rollback), or promote again."
    )
