"""What the trigger takes: webhooks a second, memory over many of them, thousands of versions.

    .venv/bin/python benchmarks/trigger.py

Everything happens on this machine: the trigger is the process that users run, webhooks come from
this one, MLflow is a real server. It takes about ten minutes and writes
``benchmarks/results/trigger.json``.
"""

import http.client
import json
import os
import platform
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

import numpy as np
import psutil
import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from leanstage.contracts import write_atomically  # noqa: E402
from leanstage.trigger.backends.kfp import KfpBackend  # noqa: E402
from leanstage.trigger.catalog import read_versions  # noqa: E402
from leanstage.trigger.reconcile import Reconciler  # noqa: E402
from leanstage.trigger.settings import Settings  # noqa: E402
from leanstage.trigger.webhook import REMEMBERED  # noqa: E402
from tests.kfp_server import KfpServer, serving  # noqa: E402
from tests.mlflow_process import running  # noqa: E402
from tests.trigger.conftest import POLICY, register  # noqa: E402
from tests.trigger.service import Service, signed, until  # noqa: E402
from tests.trigger.test_burst import register_many  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results" / "trigger.json"
CONNECTIONS = 8
PACED, FREE, MANY, COURSE = 6_000, 20_000, 100_000, 10_000
"""Webhooks: at 200 a second, as fast as answered, for the memory, and between two readings."""
MODELS, VERSIONS = 100, 100
BODY = json.dumps(
    {
        "entity": "model_version",
        "action": "created",
        "timestamp": "2026-11-26T09:00:00+00:00",
        "data": {"name": "reviews", "version": "1", "run_id": None, "tags": {}},
    }
).encode()


def main() -> None:
    """Measure everything and write it down."""
    with tempfile.TemporaryDirectory(prefix="leanstage-benchmark-") as scratch:
        folder = Path(scratch)
        figures = {
            "machine": {"cores": os.cpu_count(), "python": platform.python_version()},
            "webhooks": webhooks(folder),
            "reconcile": reconcile(folder),
        }
    write_atomically(RESULTS, (json.dumps(figures, indent=2) + "\n").encode())
    print(json.dumps(figures, indent=2))


def webhooks(folder: Path) -> dict[str, Any]:
    """Webhooks as fast as they are answered, at 200 a second, and what 100,000 leave in memory."""
    home = folder / "home"
    environment = {
        "LEANSTAGE_TRIGGER_BACKEND": "local",
        "LEANSTAGE_TRIGGER_SETTLE_SECONDS": "1",
        "LEANSTAGE_HOME": str(home),
    }
    with Service(folder, **environment) as service:
        until(service.ready)
        process = psutil.Process(service.process.pid)
        numbers = _numbers()
        at_rest = process.memory_info().rss
        paced = _send(service.uri, PACED, numbers, rate=200.0)
        free = _send(service.uri, FREE, numbers)
        # From here on the memory of ids is full.
        memory = [_mb(process.memory_info().rss)]
        for _ in range(MANY // COURSE):
            _send(service.uri, COURSE, numbers)
            memory.append(_mb(process.memory_info().rss))
        return {
            "at_200_a_second": paced,
            "as_fast_as_answered": {**free, "connections": CONNECTIONS},
            "memory": {
                "at_rest_mb": _mb(at_rest),
                "remembered_ids": REMEMBERED,
                "webhooks": MANY,
                "growth_mb": round(memory[-1] - memory[0], 1),
                "course_mb": memory,
            },
        }


def _numbers() -> Callable[[], int]:
    lock, last = threading.Lock(), [0]

    def following() -> int:
        with lock:
            last[0] += 1
            return last[0]

    return following


def _send(uri: str, count: int, numbers: Callable[[], int], rate: float = 0.0) -> dict[str, Any]:
    """Send new, genuine webhooks over a few connections; each has to be accepted."""
    parts = urlsplit(uri)
    taken: list[list[float]] = [[] for _ in range(CONNECTIONS)]
    begun = time.perf_counter()

    def send(mine: list[float]) -> None:
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=30)
        for turn in range(count // CONNECTIONS):
            if rate:
                due = begun + turn * CONNECTIONS / rate
                time.sleep(max(0.0, due - time.perf_counter()))
            headers = signed(BODY, id=f"d-{numbers()}")
            start = time.perf_counter()
            connection.request("POST", "/webhooks/mlflow", BODY, headers)
            answer = connection.getresponse()
            answer.read()
            mine.append(time.perf_counter() - start)
            if answer.status != 202:
                raise RuntimeError(f"answered {answer.status}")
        connection.close()

    senders = [threading.Thread(target=send, args=(mine,)) for mine in taken]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    seconds = time.perf_counter() - begun
    times = np.array([each for mine in taken for each in mine]) * 1000
    return {
        "accepted": len(times),
        "per_second": round(len(times) / seconds, 1),
        "p50_ms": round(float(np.percentile(times, 50)), 2),
        "p99_ms": round(float(np.percentile(times, 99)), 2),
        "max_ms": round(float(times.max()), 2),
    }


def _mb(size: int) -> float:
    return round(size / 1e6, 1)


def reconcile(folder: Path) -> dict[str, Any]:
    """Reconciliations over 10,000 versions, all of which ask, on a real MLflow server."""
    with _mlflow(folder) as database, serving(KfpServer()) as kfp:
        register("reviews", alias=False, leanstage__optimize="true")
        register_many(database, MODELS, VERSIONS)
        os.environ["LEANSTAGE_KFP_HOST"] = kfp.uri
        settings = Settings(retry_seconds=0, unsure_seconds=0)
        trigger = Reconciler(KfpBackend.of(settings), settings)
        begun = time.perf_counter()
        found = len(read_versions())
        reading = time.perf_counter() - begun
        passes, more = [], True
        while more:
            begun = time.perf_counter()
            more = trigger.reconcile()
            passes.append(round(time.perf_counter() - begun, 2))
        begun = time.perf_counter()
        trigger.reconcile()
        settled = time.perf_counter() - begun
        return {
            "versions": found,
            "models": MODELS,
            "runs_created": len(kfp.runs),
            "read_seconds": round(reading, 2),
            "settled_seconds": round(settled, 2),
            "first_passes_seconds": {"count": len(passes), "longest": max(passes)},
        }


@contextmanager
def _mlflow(folder: Path) -> Iterator[str]:
    """A server, this process as its administrator, and a policy; gives the database."""
    place = folder / "mlflow"
    policies = folder / "policies"
    place.mkdir()
    policies.mkdir()
    (policies / "reviews.yaml").write_text(yaml.safe_dump(POLICY))
    password = "benchmark-only-password"
    with running(place, admin="admin", password=password) as uri:
        environment = {
            "MLFLOW_TRACKING_URI": uri,
            "MLFLOW_TRACKING_USERNAME": "admin",
            "MLFLOW_TRACKING_PASSWORD": password,
            "LEANSTAGE_POLICY": str(policies),
        }
        with patch.dict(os.environ, environment):
            yield f"sqlite:///{place / 'mlflow.db'}"


if __name__ == "__main__":
    main()
