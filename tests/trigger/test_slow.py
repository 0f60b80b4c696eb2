"""Every request slow, none too slow: the work goes on, and nobody restarts the service for it."""

import secrets
import time
from collections.abc import Callable
from typing import Any

import pytest

from leanstage.registry.client import connect
from leanstage.trigger import loop as loops
from leanstage.trigger.backends.kfp import KfpBackend
from leanstage.trigger.loop import Loop
from leanstage.trigger.reconcile import Reconciler
from leanstage.trigger.settings import Settings
from tests.kfp_server import KfpServer
from tests.mlflow_server import MlflowServer
from tests.trigger.proxy import before

VERSIONS, SLOW, STUCK = 6, 1.0, 2.5
"""Together slower than a hang, and one by one far from it, on a busy machine as well."""


@pytest.mark.parametrize("pages", ["versions", "evidence", "runs"])
def test_pages_that_are_slow_one_by_one_are_no_hang(
    mlflow_server: MlflowServer,
    kfp_server: KfpServer,
    policies: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    pages: str,
) -> None:
    monkeypatch.setenv("LEANSTAGE_KFP_HOST", kfp_server.uri)
    model = f"reviews-{secrets.token_hex(4)}"
    settings = Settings(retry_seconds=3600, unsure_seconds=0, max_active_runs=VERSIONS)
    backend = KfpBackend.of(settings)
    with mlflow_server.as_user("admin"), before(mlflow_server.uri) as proxy:
        client: Any = connect()
        client.create_registered_model(model)
        for _ in range(VERSIONS):
            asks = {"leanstage.optimize": "true"}
            client.create_model_version(model, "s3://models/reviews", tags=asks)
        Reconciler(backend, settings).reconcile()
        for run_id in list(kfp_server.runs):
            kfp_server.set_state(run_id, "FAILED")

        monkeypatch.setenv("MLFLOW_TRACKING_URI", proxy.uri)
        monkeypatch.setattr(loops, "STUCK_SECONDS", STUCK)
        match pages:
            case "versions":
                monkeypatch.setattr("leanstage.trigger.catalog._PAGE", 1)
                proxy.fail("model-versions/search", times=VERSIONS, seconds=SLOW)
            case "evidence":
                # Without the experiment there is nothing to search, and nothing is slow.
                if client.get_experiment_by_name("leanstage") is None:
                    client.create_experiment("leanstage")
                proxy.fail("runs/search", times=VERSIONS, seconds=SLOW)
            case "runs":
                monkeypatch.setattr("leanstage.trigger.backends.kfp.NAMES_A_REQUEST", 1)
                kfp_server.fail("GET /runs", times=VERSIONS, seconds=SLOW)
        loop = Loop(lambda step: Reconciler(backend, settings, step), settings)
        begun = time.monotonic()
        loop.start()
        try:
            while not loop.ready:
                assert loop.healthy
                assert time.monotonic() - begun < 60
                time.sleep(0.05)
            assert time.monotonic() - begun > STUCK
        finally:
            assert loop.stop(10)
            client.delete_registered_model(model)
