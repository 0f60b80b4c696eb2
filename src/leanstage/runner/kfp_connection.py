"""Where Kubeflow Pipelines is, who asks, and a client that keeps to itself."""

import os
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import kfp_server_api
import urllib3
from kfp.client import KF_PIPELINES_SA_TOKEN_ENV, KF_PIPELINES_SA_TOKEN_PATH, Client
from kfp.client.set_volume_credentials import ServiceAccountTokenVolumeCredentials
from kfp_server_api.rest import RESTClientObject

from leanstage.errors import InputError

HOST_VARIABLE = "LEANSTAGE_KFP_HOST"
NAMESPACE_VARIABLE = "LEANSTAGE_KFP_NAMESPACE"
TOKEN_VARIABLE = "LEANSTAGE_KFP_TOKEN"
TOKEN_FILE_VARIABLE = "LEANSTAGE_KFP_TOKEN_FILE"
CA_VARIABLE = "LEANSTAGE_KFP_CA_FILE"


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


def client_of(connection: Connection) -> Client:
    """The official client for a connection; making it asks nothing of the server."""
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


def _file(what: str, given: Path | None, variable: str) -> Path | None:
    path = given or (Path(os.environ[variable]) if os.environ.get(variable) else None)
    if path is not None and not path.is_file():
        raise InputError(f"the {what} {path} is not there; name one that this process can read.")
    return path
