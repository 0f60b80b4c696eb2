"""JSON over HTTP, asked by many threads; what fails for the moment is asked again."""

import os
from typing import Any
from urllib.parse import urlsplit

from leanstage.errors import InputError, LeanstageError
from leanstage.serving.processes import LOOPBACK

TOKEN_VARIABLE = "LEANSTAGE_ENDPOINT_TOKEN"
MOST_AT_ONCE = 64
"""Requests under way at a time at most; the next waits, and that counts as its waiting."""
RETRIES = 4
REQUEST_SECONDS = 600.0
_CONNECT_SECONDS = 10.0
_BUSY = (429, 502, 503, 504)
_LONGEST_REASON = 300


def token() -> str:
    """The bearer token for endpoints; empty where none is set.

    Raises:
        InputError: it cannot be sent.
    """
    found = os.environ.get(TOKEN_VARIABLE, "").strip()
    if not (found.isascii() and found.isprintable()):
        raise InputError(f"{TOKEN_VARIABLE} holds no bearer token: a character of it is none.")
    return found


def direct(url: str) -> bool:
    """Whether it is asked past any proxy: none stands between a machine and itself."""
    return urlsplit(url).hostname in LOOPBACK


def one_line(*said: str) -> str:
    """What was said of a failure, short enough for a message."""
    return " ".join(": ".join(said).split()).rstrip(".")[:_LONGEST_REASON]


class Connection:
    """One server, by connections that are kept open."""

    def __init__(self, url: str) -> None:
        import requests
        from requests.adapters import HTTPAdapter
        from urllib3.util import Retry

        self._requests = requests
        self._session = requests.Session()
        self._session.trust_env = not direct(url)
        if bearer := token():
            self._session.headers["Authorization"] = f"Bearer {bearer}"
        again = Retry(
            RETRIES,
            connect=1,
            backoff_factor=0.2,
            status_forcelist=_BUSY,
            allowed_methods=None,
            raise_on_status=False,
        )
        adapter = HTTPAdapter(pool_maxsize=MOST_AT_ONCE, max_retries=again)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)

    def get(self, url: str) -> Any:
        """What the server says at ``url``.

        Raises:
            LeanstageError: it cannot be reached, refuses, or says no JSON.
        """
        return self._ask("GET", url, None)

    def post(self, url: str, body: Any) -> Any:
        """As :meth:`get`, for a request with a body."""
        return self._ask("POST", url, body)

    def _ask(self, method: str, url: str, body: Any) -> Any:
        timeout = (_CONNECT_SECONDS, REQUEST_SECONDS)
        try:
            answer = self._session.request(method, url, json=body, timeout=timeout)
        except self._requests.RequestException as error:
            raise LeanstageError(
                f"{url} cannot be reached ({type(error).__name__}); is the server up, and its "
                "address right?"
            ) from error
        if answer.status_code != 200:
            raise LeanstageError(
                f"{url} refused with {answer.status_code}: {one_line(answer.text) or 'no reason'}."
            )
        try:
            return answer.json()
        except ValueError as error:
            raise LeanstageError(
                f"{url} answered no JSON; is it the address of a model?"
            ) from error
