"""The HTTP API of Prometheus: queries at this moment, for whoever has something to ask.

Interface: https://prometheus.io/docs/prometheus/latest/querying/api/
"""

import os
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from leanstage.errors import LeanstageError

URL_VARIABLE = "LEANSTAGE_PROMETHEUS"
TOKEN_VARIABLE = "LEANSTAGE_PROMETHEUS_TOKEN"
_SECONDS = (5, 60)

Labels = Mapping[str, str]


class Sample(NamedTuple):
    """One element of an instant vector."""

    labels: Labels
    value: float


class Series(NamedTuple):
    """One element of a range vector: what was scraped, as it was scraped."""

    labels: Labels
    points: dict[float, float]
    """Values by the Unix seconds of their scrape, in order."""


class Prometheus:
    """Prometheus at ``url``; a token in ``LEANSTAGE_PROMETHEUS_TOKEN`` is sent along.

    Every method raises a LeanstageError where it cannot be reached, refuses, or answers what it
    was not asked for.
    """

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self.where = re.sub("//.*@", "//", url.partition("?")[0])

    def vector(self, query: str) -> list[Sample]:
        """The samples of a query for an instant vector."""
        try:
            return [
                Sample(found["metric"], float(found["value"][1]))
                for found in self._result(query, "vector")
            ]
        except (LookupError, TypeError, ValueError) as error:
            raise self._foreign(error) from error

    def raw(self, selector: str, seconds: float) -> list[Series]:
        """What was scraped of a selector in the last ``seconds``, neither aligned nor filled up."""
        try:
            return [
                Series(found["metric"], {float(at): float(text) for at, text in found["values"]})
                for found in self._result(f"{selector}[{seconds * 1e3:.0f}ms]", "matrix")
            ]
        except (LookupError, TypeError, ValueError) as error:
            raise self._foreign(error) from error

    def now(self) -> float:
        """Unix seconds by the clock of Prometheus, which also dates what it scrapes."""
        try:
            return float(self._result("time()", "scalar")[1])
        except (LookupError, TypeError, ValueError) as error:
            raise self._foreign(error) from error

    def _result(self, query: str, kind: str) -> Any:
        import requests

        token = os.environ.get(TOKEN_VARIABLE, "").strip()
        if not (token.isascii() and token.isprintable()):
            raise LeanstageError(
                f"{TOKEN_VARIABLE} holds no bearer token: a character of it is none."
            )
        try:
            answer = requests.get(
                f"{self._url}/api/v1/query",
                params={"query": query},
                headers={"Authorization": f"Bearer {token}"} if token else {},
                timeout=_SECONDS,
            )
            told = answer.json()
        except requests.JSONDecodeError as error:
            raise LeanstageError(
                f"Prometheus at {self.where} answered {answer.status_code} and no JSON; is it its "
                "address?"
            ) from error
        except requests.RequestException as error:
            raise LeanstageError(
                f"Prometheus at {self.where} cannot be reached ({type(error).__name__}); is it up, "
                "and its address right?"
            ) from error
        if not isinstance(told, Mapping) or told.get("status") != "success":
            reason = told.get("error") if isinstance(told, Mapping) else None
            raise LeanstageError(
                f"Prometheus at {self.where} refused the query ({answer.status_code}: "
                f"{reason or 'without a reason'})."
            )
        data: Any = told.get("data")
        found = data.get("resultType") if isinstance(data, Mapping) else None
        if found != kind:
            raise LeanstageError(
                f"The query gives a {found} at {self.where} where a {kind} is asked for."
            )
        return data["result"]

    def _foreign(self, error: Exception) -> LeanstageError:
        return LeanstageError(
            f"Prometheus at {self.where} answered samples of another form ({error}); is it its "
            "address?"
        )
