"""What leanstage asks of Kubeflow Pipelines, with failures as sentences that hold no secret."""

import contextlib
import io
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import kfp_server_api
import urllib3

from leanstage.errors import LeanstageError
from leanstage.runner.kfp_connection import CA_VARIABLE, Connection, client_of

__all__ = ["Connection", "Kubeflow", "KubeflowError"]

LOGIN = "it asks for a login: hand a bearer token (LEANSTAGE_KFP_TOKEN or a token file)"
HIDDEN = "(token)"
SECRET = re.compile(r"\bBearer\s+\S+|\beyJ[\w-]*\.[\w-]+\.[\w-]*", re.IGNORECASE)
"""``Bearer`` with what follows it, and anything shaped like a JSON web token."""
ADVICE = {
    200: LOGIN,
    302: LOGIN,
    401: "the token is missing or has expired: hand a fresh one",
    403: "this account may not do that: ask for the role that docs/operate.md names",
    404: "check the address and what was asked for",
    429: "it is busy: try again in a minute",
}


class KubeflowError(LeanstageError):
    """Kubeflow Pipelines cannot be reached or refuses; ``status`` is None where nothing answered.

    ``transient`` tells that the same request may succeed later, ``retry_after`` in how many seconds
    where the server said so, ``unanswered`` that it may have taken effect all the same.
    """

    def __init__(
        self, message: str, *, status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after
        self.unanswered = status is None or status >= 500
        self.transient = self.unanswered or status == 429


class Kubeflow:
    """The few requests that leanstage makes of Kubeflow Pipelines, through the official client.

    Making one asks nothing of the server and neither reads nor writes below the home folder. Every
    method raises KubeflowError.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        with self._refusals():
            self.client = client_of(connection)

    def experiment(self, name: str) -> str:
        """The id of an experiment, made where it is missing."""
        with self._refusals(), _silent():
            return str(self.client.create_experiment(name).experiment_id)

    def create_run(
        self,
        name: str,
        *,
        experiment_id: str,
        parameters: Mapping[str, Any],
        package: Path | None = None,
        pipeline_id: str | None = None,
        version_id: str | None = None,
        service_account: str | None = None,
    ) -> Any:
        """Start a run of a compiled package, or of an uploaded version (both ids)."""
        with self._refusals(), _silent():
            return self.client.run_pipeline(
                experiment_id=experiment_id,
                job_name=name,
                pipeline_package_path=None if package is None else str(package),
                params=dict(parameters),
                pipeline_id=pipeline_id,
                version_id=version_id,
                service_account=service_account,
            )

    def run(self, run_id: str) -> Any:
        """A run with its state and its tasks (V2beta1Run)."""
        with self._refusals():
            return self.client.get_run(run_id)

    def runs(
        self,
        *,
        names: list[str] | None = None,
        states: list[str] | None = None,
        experiment_id: str | None = None,
        size: int = 100,
    ) -> Iterator[Any]:
        """Every run of an experiment or of the namespace, newest first.

        Where ``names`` or ``states`` are given, only those so named or in such a state.
        """
        asked = {"display_name": names, "state": states}
        predicates = [
            {"operation": "IN", "key": key, "string_values": {"values": values}}
            for key, values in asked.items()
            if values is not None
        ]
        query = json.dumps({"predicates": predicates}) if predicates else None
        token = ""
        while True:
            with self._refusals():
                page = self.client.list_runs(
                    page_token=token,
                    page_size=size,
                    sort_by="created_at desc",
                    experiment_id=experiment_id,
                    filter=query,
                )
            yield from page.runs or []
            token = page.next_page_token
            if not token:
                return

    def link(self, run_id: str) -> str:
        """Where a person looks at a run."""
        return f"{self.client._get_url_prefix()}/#/runs/details/{run_id}"

    def _token(self) -> str:
        """The token of the last request, wherever it came from."""
        return str(self.client._existing_config.api_key.get("authorization") or "")

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        # What the exceptions carry beside a sentence (headers, cookies) stays out of any log.
        where = f"Kubeflow Pipelines at {self.connection.host}"
        try:
            yield
        except kfp_server_api.ApiException as error:
            raise KubeflowError(
                f"{where} {_answer(error, self._token())}.",
                status=error.status or None,
                retry_after=_retry_after(error.headers),
            ) from None
        except urllib3.exceptions.HTTPError as error:
            reason = getattr(error, "reason", None) or error
            if isinstance(reason, urllib3.exceptions.SSLError):
                raise KubeflowError(
                    f"{where} shows a certificate that is not trusted; name the authority that "
                    f"issued it in {CA_VARIABLE}.",
                    status=0,
                ) from None
            raise KubeflowError(
                f"{where} does not answer ({type(reason).__name__}); check the address and the "
                "network, then try again."
            ) from None
        except OSError as error:
            raise KubeflowError(
                f"{where}: {error.filename or 'a file'} cannot be read: {error.strerror}; mount "
                "the token or name another file.",
                status=0,
            ) from None


def _answer(error: Any, token: str) -> str:
    """What a refusal says: its status, its first line, what to do."""
    text = error.reason or "no reason"
    with contextlib.suppress(ValueError, TypeError, AttributeError):
        body = json.loads(error.body)
        text = body.get("message") or body.get("error") or text
    # Before it is cut: half a token is one still.
    first = _blanked(str(text), token).strip().partition("\n")[0][:300].rstrip(".")
    advice = ADVICE.get(error.status, "see the log of ml-pipeline" if error.status >= 500 else "")
    verb = f"answered {error.status}" if error.status else "failed"
    return f"{verb}: {first}" + (f"; {advice}" if advice else "")


def _blanked(text: str, token: str) -> str:
    if token:
        text = text.replace(token, HIDDEN)
    return SECRET.sub(HIDDEN, text)


def _retry_after(headers: Any) -> float | None:
    """Seconds that the server asks to wait; a date, which it may also send, is passed over."""
    try:
        return max(0.0, float(headers["Retry-After"]))
    except (KeyError, TypeError, ValueError):
        return None


@contextmanager
def _silent() -> Iterator[None]:
    """The official client prints links; whoever calls it says what is to be said."""
    with contextlib.redirect_stdout(io.StringIO()):
        yield
