"""The counters that clusters have: Kepler's of pods, and DCGM's of GPUs.

Metrics: https://sustainable-computing.io/kepler/ and https://github.com/NVIDIA/dcgm-exporter.
"""

import json
import os
import re
from collections.abc import Mapping, Sequence

from leanstage.contracts import MeterInfo
from leanstage.energy.meters.base import MeterError, UnreadGpuError
from leanstage.energy.meters.pods import Pod, own_pod
from leanstage.energy.meters.scraped import ScrapedCounter, ScrapedMeter
from leanstage.errors import LeanstageError
from leanstage.prometheus import URL_VARIABLE, Labels, Prometheus

_ZONES = ("package", "psys")
"""Of Kepler, best first: they overlap, and core and uncore are parts."""
_EXPORTER_LABELS = ("instance", "job", "node_name")

_DCGM = "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION"


def kepler_meter(elsewhere: Pod | None = None) -> ScrapedMeter:
    """Kepler's counter of a pod, by its names since 0.10 or those before.

    Args:
        elsewhere: the pod that answers; None is this one.

    Raises:
        MeterError: Prometheus, the pod or a counter of it is not to be had.
    """
    prometheus, pod = _prometheus("kepler"), elsewhere or _own_pod("kepler")
    new = _selector(
        "kepler_pod_cpu_joules_total",
        {"pod_name": pod.name, "pod_namespace": pod.namespace},
        'state!="terminated"',
    )
    old = _selector(
        "kepler_container_package_joules_total",
        {"pod_name": pod.name, "container_namespace": pod.namespace},
    )
    if found := _labels(prometheus, "kepler", new):
        present = {labels.get("zone", "") for labels in found}
        zone = next((zone for zone in _ZONES if zone in present), None)
        if zone is None:
            raise MeterError(
                f"kepler: of {pod.namespace}/{pod.name} there are the zones "
                f"{', '.join(sorted(present))} and neither of {' and '.join(_ZONES)}."
            )
        counter = _counter(
            new, "kepler_node_cpu_joules_total", {"zone": zone}, _one_node(found, pod)
        )
        covers = f"Kepler's zone {zone}; without the idle power of the node"
    elif found := _labels(prometheus, "kepler", old):
        counter = _counter(old, "kepler_node_package_joules_total", {}, _one_node(found, pod))
        covers = "Kepler's package counters; with a share of the node's idle power"
    else:
        raise MeterError(
            f"kepler: Prometheus at {prometheus.where} has no counter of the pod "
            f"{pod.namespace}/{pod.name}; does Kepler run on its node?"
        )
    info = MeterInfo(
        name="kepler",
        tier="attributed",
        boundary=f"what the node's processor drew for one pod, by {covers}",
        detail=f"Pod {pod.namespace}/{pod.name}, all of its processes.",
    )
    return ScrapedMeter(prometheus, counter, info)


def dcgm_meter(elsewhere: Pod | None = None) -> ScrapedMeter:
    """DCGM's counter of the GPU that ``CUDA_VISIBLE_DEVICES`` names by its UUID, or the pod has.

    Args:
        elsewhere: the pod that answers, whose GPU it is; None is this one.

    Raises:
        MeterError: Prometheus or the GPU is not to be had.
        UnreadGpuError: it is not one GPU, or MIG divides it.
    """
    prometheus = _prometheus("dcgm")
    shown = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")[0].strip()
    if shown.startswith("GPU-") and not elsewhere:
        choices = [{"UUID": shown}]
    else:
        pod = elsewhere or _own_pod("dcgm")
        choices = [
            {f"{prefix}pod": pod.name, f"{prefix}namespace": pod.namespace}
            # Where Prometheus keeps its own labels, those of the exporter get a prefix.
            for prefix in ("", "exported_")
        ]
    selectors = [_selector(_DCGM, wanted) for wanted in choices]
    named = [(found, one) for one in selectors if (found := _labels(prometheus, "dcgm", one))]
    if not named:
        raise MeterError(
            f"dcgm: Prometheus at {prometheus.where} has no {_DCGM} of "
            f"{' or '.join(str(wanted) for wanted in choices)}."
        )
    found, selector = named[0]
    uuids = sorted({labels.get("UUID", "") for labels in found})
    if any(labels.get("GPU_I_ID") for labels in found):
        raise UnreadGpuError(
            f"dcgm: MIG divides {', '.join(uuids)}, and its counter is that of all instances."
        )
    if len(found) != 1:
        remedy = (
            "let the pods that are compared answer in turn on one GPU"
            if elsewhere
            else "set CUDA_VISIBLE_DEVICES to one UUID"
        )
        raise UnreadGpuError(
            f"dcgm: {len(found)} series fit, of {', '.join(uuids)}; {remedy}, and scrape its "
            "exporter once."
        )
    model = found[0].get("modelName", "GPU")
    info = MeterInfo(
        name="dcgm",
        tier="measured",
        boundary=f"board of one GPU ({model}), idle power included; not the host's processor",
        detail=f"{model}, {uuids[0]}. Whatever else ran on the GPU is counted too.",
    )
    # It counts millijoules, and a board always draws power.
    meter = ScrapedMeter(prometheus, ScrapedCounter(selector, selector, 1e-3), info)
    meter.board = uuids[0]
    return meter


def _counter(
    selector: str, pulse: str, pulse_labels: Mapping[str, str], exporter: Mapping[str, str]
) -> ScrapedCounter:
    narrowed = [f"{name}={json.dumps(value)}" for name, value in pulse_labels.items()]
    own = selector.removesuffix("}") + "".join(f",{one}" for one in narrowed) + "}"
    return ScrapedCounter(own, _selector(pulse, {**pulse_labels, **exporter}), 1.0)


def _one_node(found: Sequence[Labels], pod: Pod) -> Mapping[str, str]:
    """Labels of the one exporter that knows the pod."""
    exporters = {tuple(labels.get(name, "") for name in _EXPORTER_LABELS) for labels in found}
    if len(exporters) != 1:
        raise MeterError(
            f"kepler: {len(exporters)} exporters know the pod {pod.namespace}/{pod.name}; scrape "
            "Kepler once, and let pods that are compared run on one node."
        )
    values = zip(_EXPORTER_LABELS, exporters.pop(), strict=True)
    return {name: value for name, value in values if value}


def _labels(prometheus: Prometheus, meter: str, selector: str) -> list[Labels]:
    try:
        return [sample.labels for sample in prometheus.vector(selector)]
    except LeanstageError as error:
        raise MeterError(f"{meter}: {error}") from error


def _prometheus(meter: str) -> Prometheus:
    url = os.environ.get(URL_VARIABLE, "").strip()
    if not url:
        raise MeterError(f"{meter}: {URL_VARIABLE} names no Prometheus to ask.")
    return Prometheus(url)


def _own_pod(meter: str) -> Pod:
    try:
        return own_pod()
    except MeterError as error:
        raise MeterError(f"{meter}: {error}") from error


def _selector(metric: str, wanted: Mapping[str, str], *more: str) -> str:
    matchers = [_matcher(name, value) for name, value in wanted.items()]
    return f"{metric}{{{','.join([*matchers, *more])}}}"


def _matcher(label: str, value: str) -> str:
    names = [name.strip() for name in value.split(",")]
    if len(names) == 1:
        return f"{label}={json.dumps(value)}"
    return f"{label}=~{json.dumps('|'.join(map(re.escape, names)))}"
