"""One way to reach Kubeflow Pipelines, with its failures as sentences that hold no secret."""

import contextlib
import io
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import kfp_server_api
import urllib3
from kfp.client import (
    KF_PIPELINES_SA_TOKEN_ENV,
    KF_PIPELINES_SA_TOKEN_PATH,
    Client,
)
from kfp.client.set_volume_credentials import ServiceAccountTokenVolumeCredentials
from kfp_server_api.rest import RESTClientObject

from leanstage.errors import InputError, LeanstageError

HOST_VARIABLE = "LEANSTAGE_KFP_HOST"
NAMESPACE_VARIABLE = "LEANSTAGE_KFP_NAMESPACE"
TOKEN_VARIABLE = "LEANSTAGE_KFP_TOKEN"
TOKEN_FILE_VARIABLE = "LEANSTAGE_KFP_TOKEN_FILE"
CA_VARIABLE = "LEANSTAGE_KFP_CA_FILE"

LOGIN = "it asks for a login: hand a bearer token (LEANSTAGE_KFP_TOKEN or a token file)"
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

    ``transient`` tells that the same request may succeed later.
    """

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.transient = status is None or status == 429 or status >= 500


@dataclass(frozen=True)
class Connection:
    """Where Kubeflow Pipelines is and who asks.

    The token is, in this order: the content of ``token_file`` (read again for every request, so
    that it may rotate), ``LEANSTAGE_KFP_TOKEN``, the service account token that Kubernetes projects
    into a pod, none. ``ca_file`` holds the authorities to trust instead of the public ones.
    """

    host: str
    namespace: str = ""
    token_file: Path | None = None
    ca_file: Path | None = None
    connect_seconds: float = 5
    read_seconds: float = 60
    token: str = field(default="", repr=False)

    @classmethod
    def of(
        cls,
        host: str = "",
        *,
        namespace: str = "",
        token_file: Path | None = None,
        ca_file: Path | None = None,
    ) -> "Connection":
        """Options first, the environment for what they leave open.

        Raises:
            InputError: no host is known, it is no address, or a file is not there.
        """
        host = (host or os.environ.get(HOST_VARIABLE, "")).rstrip("/")
        if not host:
            raise InputError(f"no Kubeflow Pipelines is named; pass --host or set {HOST_VARIABLE}.")
        parts = urlsplit(host if "://" in host else f"https://{host}")
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise InputError("the host is no http or https address such as https://kubeflow.corp.")
        if parts.username or parts.password:
            raise InputError(
                f"the host {parts.hostname} was given with a password in its address; leave it out "
                f"and hand a bearer token in {TOKEN_VARIABLE} or a token file."
            )
        return cls(
            host=parts.geturl(),
            namespace=namespace or os.environ.get(NAMESPACE_VARIABLE, ""),
            token_file=_file("token file", token_file, TOKEN_FILE_VARIABLE),
            ca_file=_file("CA file", ca_file, CA_VARIABLE),
            token=os.environ.get(TOKEN_VARIABLE, "").strip(),
        )


class Kubeflow:
    """The few requests that leanstage makes of Kubeflow Pipelines, through the official client.

    Making one asks nothing of the server and neither reads nor writes below the home folder. Every
    method raises KubeflowError.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        with self._refusals():
            self.client = _client(connection)

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
        self, *, names: list[str] | None = None, experiment_id: str | None = None, size: int = 100
    ) -> Iterator[Any]:
        """Every run of an experiment or of the namespace, newest first; those so named alone."""
        query = None
        if names is not None:
            named = {"operation": "IN", "key": "display_name", "string_values": {"values": names}}
            query = json.dumps({"predicates": [named]})
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

    def terminate(self, run_id: str) -> None:
        """Ask for a run to be stopped."""
        with self._refusals():
            self.client.terminate_run(run_id)

    def link(self, run_id: str) -> str:
        """Where a person looks at a run."""
        return f"{self.client._get_url_prefix()}/#/runs/details/{run_id}"

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        # What the exceptions carry beside a sentence (headers, cookies) stays out of any log.
        where = f"Kubeflow Pipelines at {self.connection.host}"
        try:
            yield
        except kfp_server_api.ApiException as error:
            raise KubeflowError(
                f"{where} {_answer(error, self.connection.token)}.", status=error.status or None
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


class _Client(Client):  # type: ignore[misc]
    """The official client without the part of its constructor that calls the server.

    With an empty namespace it would ask the server, up to five times, and write the answer below
    the home folder; a context written there for another cluster would lend it cookies.
    """

    def __init__(self, namespace: str, **options: Any) -> None:
        super().__init__(**options)
        self._context_setting = {"namespace": namespace}

    def _load_context_setting_or_default(self) -> None:
        self._context_setting = {"namespace": "set afterwards"}


class _Rest(RESTClientObject):  # type: ignore[misc]
    """Requests that end: a time limit on each, no redirect followed, no login page taken for data.

    Only the connection is tried again; a request that was sent is not, for it may have counted.
    """

    def __init__(self, configuration: Any, limits: tuple[float, float]) -> None:
        configuration.retries = urllib3.Retry(
            total=None, connect=2, read=0, redirect=0, status=0, other=0,
            backoff_factor=0.2, raise_on_redirect=False,
        )  # fmt: skip
        super().__init__(configuration)
        self._limits = limits

    def request(self, *given: Any, **named: Any) -> Any:
        named["_request_timeout"] = named.get("_request_timeout") or self._limits
        try:
            answer = super().request(*given, **named)
            if answer.data and "json" not in (answer.getheader("Content-Type") or ""):
                raise kfp_server_api.ApiException(answer.status, "a page instead of data")
        except kfp_server_api.ApiException as error:
            # The caller decodes it unasked, and fails where nothing came.
            error.body = error.body or b""
            raise
        return answer


def _client(connection: Connection) -> Client:
    import warnings

    options: dict[str, Any] = {"host": connection.host}
    projected = os.environ.get(KF_PIPELINES_SA_TOKEN_ENV) or KF_PIPELINES_SA_TOKEN_PATH
    if connection.token_file is not None:
        path = str(connection.token_file)
        options["credentials"] = ServiceAccountTokenVolumeCredentials(path=path)
    elif connection.token:
        options["existing_token"] = connection.token
    elif Path(projected).is_file():
        options["credentials"] = ServiceAccountTokenVolumeCredentials(path=None)
    if connection.ca_file is not None:
        options["ssl_ca_cert"] = str(connection.ca_file)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        client = _Client(connection.namespace, **options)
    limits = (connection.connect_seconds, connection.read_seconds)
    client._run_api.api_client.rest_client = _Rest(client._existing_config, limits)
    return client


def _answer(error: Any, token: str) -> str:
    """What a refusal says: its status, its first line, what to do."""
    text = error.reason or "no reason"
    with contextlib.suppress(ValueError, TypeError, AttributeError):
        body = json.loads(error.body)
        text = body.get("message") or body.get("error") or text
    first = str(text).strip().partition("\n")[0][:300].rstrip(".")
    if token:
        first = first.replace(token, "(token)")
    advice = ADVICE.get(error.status, "see the log of ml-pipeline" if error.status >= 500 else "")
    verb = f"answered {error.status}" if error.status else "failed"
    return f"{verb}: {first}" + (f"; {advice}" if advice else "")


@contextmanager
def _silent() -> Iterator[None]:
    """The official client prints links; whoever calls it says what is to be said."""
    with contextlib.redirect_stdout(io.StringIO()):
        yield


def _file(what: str, given: Path | None, variable: str) -> Path | None:
    path = given or (Path(os.environ[variable]) if os.environ.get(variable) else None)
    if path is not None and not path.is_file():
        raise InputError(f"the {what} {path} is not there; name one that this process can read.")
    return path
