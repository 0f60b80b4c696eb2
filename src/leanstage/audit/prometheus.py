"""Requests by workload, asked of Prometheus over its HTTP API."""

import math
import os
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from leanstage.audit.volumes import Volumes
from leanstage.errors import LeanstageError
from leanstage.registry.client import public_uri

TOKEN_VARIABLE = "LEANSTAGE_PROMETHEUS_TOKEN"
_DAYS = 365.0
_SECONDS = (5, 60)


def ask_volumes(url: str, query: str | None = None) -> Volumes:
    """Volumes from Prometheus at ``url``; a token in ``LEANSTAGE_PROMETHEUS_TOKEN`` is sent along.

    Args:
        query: PromQL for requests a day, labelled ``namespace`` and ``name`` (a workload) or
            ``model`` (a registered model). None asks for the metrics of Knative, Istio and vLLM,
            and takes for each workload the first that knows it.

    Raises:
        LeanstageError: Prometheus cannot be reached or refuses.
    """
    found: dict[str, float] = {}
    answered = []
    where = public_uri(url)
    for name, asked in {"the query": query}.items() if query else _queries().items():
        try:
            counted = _counted(_asked(url, asked))
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise LeanstageError(
                f"Prometheus at {where} answered samples of another form ({error}); is it its "
                "address?"
            ) from error
        if counted:
            answered.append(name)
        found = counted | found
    if not found:
        raise LeanstageError(
            f"Prometheus at {where} knows no requests; name a query for your metrics with --query."
        )
    return Volumes(found, f"Prometheus at {where} ({', '.join(answered)})")


def _counted(samples: list[Any]) -> dict[str, float]:
    """Requests a year by name; what carries no name or no number counts for nothing."""
    found: dict[str, float] = {}
    for sample in samples:
        labels = sample["metric"]
        name = labels.get("model")
        if name is None and labels.get("namespace") and labels.get("name"):
            name = f"{labels['namespace']}/{labels['name']}"
        daily = float(sample["value"][1])
        if name and math.isfinite(daily) and daily >= 0.0:
            found[name] = found.get(name, 0.0) + daily * _DAYS
    return found


def _asked(url: str, query: str) -> list[Any]:
    import requests

    token = os.environ.get(TOKEN_VARIABLE, "").strip()
    if not (token.isascii() and token.isprintable()):
        raise LeanstageError(f"{TOKEN_VARIABLE} holds no bearer token: a character of it is none.")
    where = public_uri(url)
    try:
        answer = requests.get(
            f"{url.rstrip('/')}/api/v1/query",
            params={"query": query},
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=_SECONDS,
        )
        told = answer.json()
    except requests.JSONDecodeError as error:
        raise LeanstageError(
            f"Prometheus at {where} answered {answer.status_code} and no JSON; is it its address?"
        ) from error
    except requests.RequestException as error:
        raise LeanstageError(
            f"Prometheus at {where} cannot be reached ({type(error).__name__}); no volumes are "
            "known."
        ) from error
    if not isinstance(told, Mapping) or told.get("status") != "success":
        reason = told.get("error") if isinstance(told, Mapping) else None
        raise LeanstageError(
            f"Prometheus at {where} refused the query ({answer.status_code}: "
            f"{reason or 'without a reason'})."
        )
    data = told.get("data") or {}
    if data.get("resultType") != "vector":
        raise LeanstageError(
            f"The query gives {data.get('resultType')} at {where} instead of an instant vector; "
            "take the range out of it."
        )
    return list(data["result"])


@cache
def _queries() -> dict[str, str]:
    text = files("leanstage.audit").joinpath("queries.yaml").read_text(encoding="utf-8")
    found: dict[str, str] = yaml.safe_load(text)
    return found
