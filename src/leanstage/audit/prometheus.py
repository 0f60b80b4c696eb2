"""Requests by workload, asked of Prometheus."""

import math
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

import yaml

from leanstage.audit.volumes import Volumes
from leanstage.errors import LeanstageError
from leanstage.prometheus import Prometheus, Sample

_DAYS = 365.0


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
    prometheus = Prometheus(url)
    for name, asked in {"the query": query}.items() if query else _queries().items():
        counted = _counted(prometheus.vector(asked))
        if counted:
            answered.append(name)
        found = counted | found
    if not found:
        raise LeanstageError(
            f"Prometheus at {prometheus.where} knows no requests; name a query for your metrics "
            "with --query."
        )
    return Volumes(found, f"Prometheus at {prometheus.where} ({', '.join(answered)})")


def _counted(samples: Sequence[Sample]) -> dict[str, float]:
    """Requests a year by name; what carries no name or no number counts for nothing."""
    found: dict[str, float] = {}
    for labels, daily in samples:
        name = labels.get("model")
        if name is None and labels.get("namespace") and labels.get("name"):
            name = f"{labels['namespace']}/{labels['name']}"
        if name and math.isfinite(daily) and daily >= 0.0:
            found[name] = found.get(name, 0.0) + daily * _DAYS
    return found


@cache
def _queries() -> dict[str, str]:
    text = files("leanstage.audit").joinpath("queries.yaml").read_text(encoding="utf-8")
    found: dict[str, str] = yaml.safe_load(text)
    return found
