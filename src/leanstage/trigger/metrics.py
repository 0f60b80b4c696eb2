"""Figures of the trigger for Prometheus."""

from collections.abc import Mapping

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

OUTCOMES = ("accepted", "duplicate", "own", "malformed", "forged", "stale", "oversized", "slow",
            "busy")  # fmt: skip
PIPELINES = ("deploy", "optimize", "decide", "rejudge")
PLACES = ("mlflow", "backend", "policies", "create")

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
_DELIVERIES = Counter(
    "leanstage_webhook_deliveries",
    "Webhook deliveries by what became of them.",
    ["outcome"],
    registry=REGISTRY,
)
_RUNS = Counter("leanstage_runs_created", "Runs created.", ["pipeline"], registry=REGISTRY)
_FAILURES = Counter(
    "leanstage_failures",
    "Reconciliations that MLflow, the backend or the policies ended, and runs that were refused.",
    ["where"],
    registry=REGISTRY,
)
_VERSIONS = Gauge("leanstage_versions", "Model versions by status.", ["status"], registry=REGISTRY)
_SECONDS = Histogram(
    "leanstage_reconcile_seconds",
    "How long a reconciliation took.",
    buckets=(0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300),
    registry=REGISTRY,
)
_LAST = Gauge(
    "leanstage_reconcile_success_timestamp_seconds",
    "When the latest reconciliation came to its end.",
    registry=REGISTRY,
)

# A figure that first appears with 1 would be no increase to Prometheus.
for _counter, _values in ((_DELIVERIES, OUTCOMES), (_RUNS, PIPELINES), (_FAILURES, PLACES)):
    for _value in _values:
        _counter.labels(_value)


def delivery(outcome: str) -> None:
    """A webhook arrived."""
    _DELIVERIES.labels(outcome).inc()


def created(pipeline: str) -> None:
    """A run was created."""
    _RUNS.labels(pipeline).inc()


def failure(where: str) -> None:
    """MLflow, the backend, the policies or a request for a run failed."""
    _FAILURES.labels(where).inc()


def reconciled(seconds: float) -> None:
    """A reconciliation came to its end."""
    _SECONDS.observe(seconds)
    _LAST.set_to_current_time()


def set_versions(counts: Mapping[str, int]) -> None:
    """How many versions stand where."""
    for status, count in counts.items():
        _VERSIONS.labels(status).set(count)


def exposition() -> bytes:
    """Everything in the text format."""
    return generate_latest(REGISTRY)
