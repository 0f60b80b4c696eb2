from collections.abc import Callable

import pytest

from leanstage.energy.meters import METER_VARIABLE, Meter, MeterError, discover_elsewhere
from leanstage.energy.meters.cluster import _selector, dcgm_meter, kepler_meter
from leanstage.energy.meters.pods import POD_VARIABLE, own_pod, stated_pod
from leanstage.prometheus import URL_VARIABLE
from tests.audit.prometheus_api import Prometheus, serving


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (POD_VARIABLE, "POD_NAME", "POD_NAMESPACE", "KFP_POD_NAME"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("environment", "pod"),
    [
        ({"POD_NAMESPACE": "team-a", "POD_NAME": "me"}, ("team-a", "me")),
        ({"POD_NAMESPACE": "team-a", "KFP_POD_NAME": "step"}, ("team-a", "step")),
    ],
)
def test_the_pod_that_this_is_is_told_by_the_environment(
    nowhere: None,
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    pod: tuple[str, str],
) -> None:
    # Whose energy a server elsewhere spends says nothing of what this one does.
    monkeypatch.setenv(POD_VARIABLE, "serving/reviews-0")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert own_pod() == pod
    assert stated_pod() == ("serving", "reviews-0")


def test_pods_that_answer_in_turn_are_read_together() -> None:
    wanted = {"pod_name": "lean-0, base.1", "pod_namespace": "serving"}
    assert _selector("joules", wanted) == (
        'joules{pod_name=~"lean\\\\-0|base\\\\.1",pod_namespace="serving"}'
    )


@pytest.mark.parametrize("stated", ["", "reviews-0", "serving/"])
def test_no_pod_is_no_meter(nowhere: None, monkeypatch: pytest.MonkeyPatch, stated: str) -> None:
    monkeypatch.setenv(POD_VARIABLE, stated)
    monkeypatch.setenv(URL_VARIABLE, "http://127.0.0.1:9")
    with pytest.raises(MeterError, match="kepler: no pod is known"):
        kepler_meter()
    with pytest.raises(MeterError, match="LEANSTAGE_POD to namespace/name of the pod that answers"):
        discover_elsewhere()


def test_elsewhere_too_no_other_meter_stands_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(POD_VARIABLE, "serving/reviews-0")
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    monkeypatch.setenv(METER_VARIABLE, "cpu-time")
    with pytest.raises(MeterError, match="asks for cpu-time, which reads this machine alone"):
        discover_elsewhere()
    monkeypatch.setenv(METER_VARIABLE, "kepler")
    with pytest.raises(MeterError) as refused:
        discover_elsewhere()
    assert "dcgm" not in str(refused.value)


NEW, GPU = "kepler_pod_cpu_joules_total", "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION"


@pytest.mark.parametrize(
    ("build", "samples", "reason"),
    [
        (kepler_meter, {}, "has no counter of the pod team-a/me"),
        (kepler_meter, {NEW: [{"zone": "core"}]}, "zones core and neither of package and psys"),
        (
            kepler_meter,
            {NEW: [{"zone": "package", "job": job} for job in ("one", "two")]},
            "2 exporters know the pod",
        ),
        (kepler_meter, {NEW: [{"zone": "package"}]}, "where a matrix is asked for"),
        (dcgm_meter, {}, "has no DCGM"),
        (dcgm_meter, {GPU: [{"UUID": "GPU-1", "GPU_I_ID": "3"}]}, "MIG divides GPU-1"),
        (dcgm_meter, {GPU: [{"UUID": "GPU-1"}, {"UUID": "GPU-2"}]}, "GPU-1, GPU-2; set CUDA"),
    ],
)
def test_what_cannot_be_told_apart_is_no_meter(
    nowhere: None,
    monkeypatch: pytest.MonkeyPatch,
    build: Callable[[], Meter],
    samples: dict[str, list[dict[str, str]]],
    reason: str,
) -> None:
    monkeypatch.setenv("POD_NAMESPACE", "team-a")
    monkeypatch.setenv("POD_NAME", "me")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    state = Prometheus(
        {name: [(labels, 1.0) for labels in found] for name, found in samples.items()}
    )
    with serving(state) as server:
        monkeypatch.setenv(URL_VARIABLE, server.uri)
        with pytest.raises(MeterError, match=reason):
            build()


def test_a_gpu_elsewhere_is_not_the_one_that_is_visible_here(
    nowhere: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(POD_VARIABLE, "serving/one,two")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-here")
    with serving(Prometheus()) as server:
        monkeypatch.setenv(URL_VARIABLE, server.uri)
        with pytest.raises(MeterError, match="'pod': 'one,two', 'namespace': 'serving'"):
            discover_elsewhere()


@pytest.mark.parametrize(
    ("series", "reason"),
    [
        ([{"UUID": "GPU-1"}, {"UUID": "GPU-2"}], "GPU-1, GPU-2; let the pods .* on one GPU"),
        ([{"UUID": "GPU-1", "GPU_I_ID": "3"}], "MIG divides GPU-1"),
    ],
)
def test_what_the_processors_draw_does_not_stand_in_for_gpus(
    nowhere: None,
    monkeypatch: pytest.MonkeyPatch,
    series: list[dict[str, str]],
    reason: str,
) -> None:
    monkeypatch.setenv(POD_VARIABLE, "serving/base,lean")
    found = {GPU: [(labels, 1.0) for labels in series], NEW: [({"zone": "package"}, 1.0)]}
    with serving(Prometheus(found)) as server:
        monkeypatch.setenv(URL_VARIABLE, server.uri)
        with pytest.raises(MeterError, match=reason):
            discover_elsewhere()
