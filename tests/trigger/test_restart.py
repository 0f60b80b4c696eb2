"""A fresh process while Kubeflow is still at work on what the one before had asked for."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

from leanstage.trigger.backends.kfp import KfpBackend
from leanstage.trigger.backends.local import LocalBackend
from leanstage.trigger.reconcile import Reconciler
from leanstage.trigger.settings import Settings
from tests.trigger.conftest import Cluster, register, tags
from tests.trigger.service import Service, until


def fresh(**settings: float) -> Reconciler:
    given = Settings(retry_seconds=0, **settings)  # type: ignore[arg-type]
    return Reconciler(KfpBackend.of(given), given)


def test_killed_during_a_creation_that_the_server_completes_later(
    cluster: Cluster, tmp_path: Path
) -> None:
    version = register("reviews")
    cluster.kfp.fail("POST /runs", seconds=3)
    with Service(tmp_path) as service:
        until(lambda: cluster.kfp.asked("POST /runs"))
        assert service.stop(signal.SIGKILL) == -signal.SIGKILL
    trigger = fresh(unsure_seconds=5)
    trigger.reconcile()
    assert cluster.names == []
    assert tags("reviews", version)["status"] == "queued"
    assert "before it restarted" in tags("reviews", version)["reason"]
    until(lambda: trigger.reconcile() or tags("reviews", version)["status"] == "running")
    time.sleep(max(0.0, trigger.began + 5.1 - time.monotonic()))
    trigger.reconcile()
    assert len(cluster.names) == 1
    assert cluster.kfp.asked("POST /runs") == 1


def test_what_the_server_never_did_is_asked_for_in_the_end(cluster: Cluster) -> None:
    for _ in range(6):
        register("reviews", leanstage__optimize="true")
    trigger = fresh(unsure_seconds=1.5)
    trigger.reconcile()
    asked = cluster.kfp.asked("GET /runs")
    assert asked <= 3, "of those that wait, only as many are looked for as there is room for"
    assert cluster.names == []
    time.sleep(1.5)
    trigger.reconcile()
    assert len(cluster.names) == 4
    assert "reason" not in tags("reviews", "1")


def test_runs_of_this_machine_need_no_patience(
    mlflow_here: str, policies: Callable[..., None], tmp_path: Path
) -> None:
    register("reviews")
    settings = Settings(backend="local")
    backend = LocalBackend(tmp_path / "runs")
    Reconciler(backend, settings).reconcile()
    (name,) = backend.find([tags("reviews", "1")["run"]])
    assert name.startswith("leanstage-reviews-v1-")
    until(lambda: not backend.active())
