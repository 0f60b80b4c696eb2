"""Kubeflow Pipelines down, slow, refusing, or losing its answers: never a second run."""

import math
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from leanstage.runner.kfp_client import Connection, Kubeflow, KubeflowError
from leanstage.trigger.backends.kfp import KfpBackend
from leanstage.trigger.loop import Loop
from leanstage.trigger.metrics import REGISTRY
from leanstage.trigger.reconcile import Reconciler
from leanstage.trigger.settings import Settings
from tests.kfp_server import serving
from tests.trigger.conftest import Cluster, register, tags
from tests.trigger.service import until

QUICK = {"retry_seconds": 0, "interval_seconds": 0.3, "settle_seconds": 0}


@contextmanager
def looping(cluster: Cluster, **more: float) -> Iterator[Loop]:
    settings = Settings(**{**QUICK, "max_backoff_seconds": 0.2, "unsure_seconds": 1, **more})
    backend = KfpBackend.of(settings)
    loop = Loop(lambda step: Reconciler(backend, settings, step, -math.inf), settings)
    loop.start()
    try:
        yield loop
    finally:
        assert loop.stop(10)


def once_each(cluster: Cluster) -> bool:
    return set(Counter(cluster.names).values()) <= {1}


@pytest.mark.parametrize("status", [503, 429, 0])
@pytest.mark.parametrize("where", ["GET /runs", "POST /runs", "GET /experiments"])
def test_a_failing_kubeflow_is_tried_again(cluster: Cluster, where: str, status: int) -> None:
    version = register("reviews")
    cluster.kfp.fail(where, status, times=3)
    with looping(cluster) as loop:
        until(lambda: tags("reviews", version).get("status") == "running")
        assert loop.healthy
        until(lambda: loop.ready)
    assert len(cluster.names) == 1


@pytest.mark.parametrize("status", [500, 0])
def test_a_run_whose_answer_was_lost_is_found(cluster: Cluster, status: int) -> None:
    """The server created it, and the answer never came."""
    version = register("reviews")
    cluster.kfp.fail("POST /runs", status, after=True)
    with pytest.raises(KubeflowError):
        cluster.reconcile()
    assert len(cluster.names) == 1
    assert tags("reviews", version).get("status") is None
    # A fresh process, and the one that asked, both find it by its name.
    cluster.reconcile()
    assert len(cluster.names) == 1
    assert tags("reviews", version)["run"] == cluster.names[0]


def test_a_run_that_appears_after_its_request_was_given_up_is_not_created_twice(
    cluster: Cluster,
) -> None:
    """The server is slower than the client's patience, and creates the run in the end."""
    version = register("reviews")
    cluster.kfp.fail("POST /runs", seconds=3.0)
    connection = Connection(host=cluster.kfp.uri, read_seconds=1.0)
    settings = Settings(**{**QUICK, "max_backoff_seconds": 0.1, "unsure_seconds": 30})
    reached = Kubeflow(connection)
    backend = KfpBackend(
        {"user": reached, "gate": reached},
        experiment="leanstage",
        service_accounts={"user": "", "gate": ""},
    )
    loop = Loop(lambda step: Reconciler(backend, settings, step, -math.inf), settings)
    loop.start()
    try:
        until(lambda: cluster.kfp.asked("POST /runs") == 1)
        until(lambda: tags("reviews", version).get("status") == "running")
        time.sleep(0.5)
    finally:
        assert loop.stop(10)
    assert len(cluster.names) == 1
    assert cluster.kfp.asked("POST /runs") == 1


def test_a_server_that_asks_to_wait_is_not_asked_before(cluster: Cluster) -> None:
    register("reviews")
    cluster.kfp.fail("GET /runs", 429, headers={"Retry-After": "2"})
    begun = time.monotonic()
    with looping(cluster) as loop:
        until(lambda: cluster.kfp.asked("GET /runs") == 1)
        until(lambda: loop.problem)
        for _ in range(20):
            loop.wake()
            time.sleep(0.02)
        assert cluster.kfp.asked("GET /runs") == 1, "wake-ups do not shorten the pause"
        until(lambda: cluster.names)
    assert time.monotonic() - begun >= 2


def test_pauses_grow(cluster: Cluster) -> None:
    register("reviews")
    cluster.kfp.fail("GET /runs", 503, times=1000)
    with looping(cluster, max_backoff_seconds=60) as loop:
        until(lambda: loop.problem)
        time.sleep(3)
        assert cluster.kfp.asked("GET /runs") <= 2
        assert not loop.ready
        assert loop.healthy
        assert "answered 503" in str(loop.problem)


def test_a_kubeflow_that_is_not_there_yet_is_waited_for(cluster: Cluster) -> None:
    version = register("reviews")
    port = int(cluster.kfp.uri.rpartition(":")[2])
    settings = Settings(**{**QUICK, "max_backoff_seconds": 0.2})
    with serving(type(cluster.kfp)()) as elsewhere:
        free = int(elsewhere.uri.rpartition(":")[2])
    assert free != port
    reached = Kubeflow(Connection(host=f"http://127.0.0.1:{free}"))
    backend = KfpBackend(
        {"user": reached, "gate": reached},
        experiment="leanstage",
        service_accounts={"user": "", "gate": ""},
    )
    loop = Loop(lambda step: Reconciler(backend, settings, step, -math.inf), settings)
    loop.start()
    try:
        until(lambda: loop.problem)
        assert "does not answer" in str(loop.problem)
        assert loop.healthy
        with serving(elsewhere, port=free):
            until(lambda: len(elsewhere.runs) == 1)
            until(lambda: tags("reviews", version).get("status") == "running")
    finally:
        assert loop.stop(10)


def test_a_run_that_kubeflow_refuses_stands_in_nobodys_way(cluster: Cluster) -> None:
    for _ in range(3):
        register("reviews", leanstage__optimize="true")
    cluster.kfp.fail("POST /runs", 400)
    trigger = cluster.trigger()
    trigger.reconcile()
    assert [tags("reviews", v)["status"] for v in "123"] == ["queued", "running", "running"]
    assert "answered 400: injected" in tags("reviews", "1")["reason"]
    trigger.reconcile()
    assert len(cluster.names) == 2, "not asked again at once"
    cluster.reconcile()
    assert len(cluster.names) == 3


def test_creations_that_stay_unsure_give_their_room_to_others(cluster: Cluster) -> None:
    for _ in range(2):
        register("reviews", leanstage__optimize="true")
    cluster.settings = Settings(retry_seconds=0, max_active_runs=1, unsure_seconds=0)
    cluster.kfp.fail("POST /runs", 500, times=3)
    trigger = cluster.trigger()
    for _ in range(2):
        with pytest.raises(KubeflowError):
            trigger.reconcile()
    for _ in range(2):
        trigger.reconcile()
    assert [tags("reviews", v)["status"] for v in "12"] == ["queued", "running"]
    assert "answered 500: injected" in tags("reviews", "1")["reason"]
    assert len(cluster.names) == 1
    trigger.reconcile()
    assert cluster.kfp.asked("POST /runs") == 4, "not asked again at once"


def test_policies_that_cannot_be_read_are_counted_as_that(cluster: Cluster, tmp_path: Path) -> None:
    def failures(where: str) -> float:
        return REGISTRY.get_sample_value("leanstage_failures_total", {"where": where}) or 0

    before, backend = failures("policies"), failures("backend")
    register("reviews")
    path = tmp_path / "policies" / "reviews.yaml"
    good = path.read_text()
    path.write_text("name: [")
    with looping(cluster) as loop:
        until(lambda: loop.problem)
        assert "reviews.yaml" in str(loop.problem)
        assert failures("policies") > before
        assert failures("backend") == backend
        path.write_text(good)
        until(lambda: cluster.names)


def test_an_experiment_that_was_deleted_is_made_anew(cluster: Cluster) -> None:
    trigger = cluster.trigger()
    trigger.reconcile()
    cluster.kfp.experiments.clear()
    register("reviews")
    cluster.kfp.fail("GET /runs", 404)
    with pytest.raises(KubeflowError):
        trigger.reconcile()
    trigger.reconcile()
    assert len(cluster.names) == 1


def test_many_reconciliations_beside_each_other_in_time_make_one_run(cluster: Cluster) -> None:
    register("reviews")
    cluster.kfp.fail("POST /runs", 500, after=True)
    cluster.kfp.fail("GET /runs", 500, times=4)
    with looping(cluster) as loop:
        for _ in range(200):
            loop.wake()
            time.sleep(0.005)
        until(lambda: loop.ready)
    assert len(cluster.names) == 1
    assert once_each(cluster)
