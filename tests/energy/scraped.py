"""A real Prometheus, and exporters with the names of Kepler and DCGM whose power is known."""

import contextlib
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import requests
import yaml
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import Metric

NAMESPACE = "team-a"
NODE_WATTS = 90.0
"""What the rest of the node draws, all the time."""


class Exporter:
    """Shows a pod's energy as of the last refresh; what it drew is known exactly.

    Args:
        pod: whose energy it is; its GPU is ``GPU-`` and the name.
        idle_watts: what it draws all the time.
        burst_watts: what it draws besides in a burst.
        interval_seconds: between refreshes of the counters.
        older: with Kepler's names before 0.10.
    """

    def __init__(
        self,
        pod: str,
        idle_watts: float,
        burst_watts: float,
        interval_seconds: float,
        older: bool = False,
    ) -> None:
        self.pod = pod
        self._idle_watts, self._burst_watts = idle_watts, burst_watts
        self._interval_seconds = interval_seconds
        self._older = older
        self._started = time.monotonic()
        self._bursts: list[list[float]] = []
        self.frozen_at: float | None = None
        self.reset_at: float | None = None
        self.silent = False
        registry = CollectorRegistry()
        registry.register(self)
        self._server, self._thread = start_http_server(0, "127.0.0.1", registry)
        self.address = f"127.0.0.1:{self._server.server_port}"

    def burst(self, seconds: float) -> float:
        """Draw more for so long; joules drawn meanwhile."""
        burst = [time.monotonic(), float("inf")]
        self._bursts.append(burst)
        time.sleep(seconds)
        burst[1] = time.monotonic()
        return (burst[1] - burst[0]) * (self._idle_watts + self._burst_watts)

    def joules(self, at: float) -> float:
        """Energy of the pod from the start until ``at``, by the monotonic clock."""
        busy = sum(max(0.0, min(at, end) - begin) for begin, end in self._bursts)
        return (at - self._started) * self._idle_watts + busy * self._burst_watts

    def collect(self) -> Iterator[Metric]:
        """The metrics as an exporter that refreshes now and then shows them."""
        if self.silent:
            return
        since = time.monotonic() - self._started
        at = self._started + since // self._interval_seconds * self._interval_seconds
        at = min(at, self.frozen_at or at)
        own = self.joules(at)
        node = own + (at - self._started) * NODE_WATTS
        if self.reset_at and at >= self.reset_at:
            own -= self.joules(self.reset_at)
        yield from self._older_kepler(own, node) if self._older else self._kepler(own, node)
        gpu = {"UUID": f"GPU-{self.pod}", "gpu": "0", "modelName": "Stub"}
        pod = {"pod": self.pod, "namespace": NAMESPACE, "container": "main"}
        yield _metric("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", [(gpu | pod, own * 1e3)])

    def _kepler(self, own: float, node: float) -> Iterator[Metric]:
        pod = {"pod_id": "1", "pod_name": self.pod, "pod_namespace": NAMESPACE}
        running = {"state": "running", "node_name": "node-1"}
        zones = {"package": 1.0, "core": 0.7, "dram": 0.1, "psys": 2.0}
        yield _metric(
            "kepler_pod_cpu_joules_total",
            [
                *((pod | running | {"zone": zone}, own * x) for zone, x in zones.items()),
                (pod | {"state": "terminated", "node_name": "node-1", "zone": "package"}, 500.0),
            ],
        )
        yield _metric(
            "kepler_node_cpu_joules_total",
            [({"zone": zone, "node_name": "node-1"}, node * x) for zone, x in zones.items()],
        )

    def _older_kepler(self, own: float, node: float) -> Iterator[Metric]:
        containers = {
            ("main", "dynamic"): 0.6,
            ("main", "idle"): 0.2,
            ("sidecar", "dynamic"): 0.2,
        }
        yield _metric(
            "kepler_container_package_joules_total",
            [
                (
                    {
                        "pod_name": self.pod,
                        "container_namespace": NAMESPACE,
                        "container_name": container,
                        "mode": mode,
                    },
                    own * share,
                )
                for (container, mode), share in containers.items()
            ],
        )
        yield _metric("kepler_node_package_joules_total", [({"mode": "dynamic"}, node)])

    def close(self) -> None:
        """Stop to listen."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _metric(name: str, samples: Iterable[tuple[Mapping[str, str], float]]) -> Metric:
    metric = Metric(name, "as its exporter has it", "unknown")
    for labels, value in samples:
        metric.add_sample(name, dict(labels), value)
    return metric


def executable() -> str | None:
    """Prometheus, from beside this Python or from the system."""
    beside = Path(sys.executable).with_name("prometheus")
    return str(beside) if beside.exists() else shutil.which("prometheus")


@contextlib.contextmanager
def prometheus(
    folder: Path, exporters: Iterable[Exporter], scrape_seconds: float
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run the server on this machine alone; gives its address and its process."""
    program = executable()
    assert program is not None
    config = {
        "global": {"scrape_interval": f"{scrape_seconds * 1e3:.0f}ms"},
        "scrape_configs": [
            {
                "job_name": "exporters",
                # The pod of DCGM's labels is the one that computes, not the exporter's own.
                "honor_labels": True,
                "static_configs": [{"targets": [one.address for one in exporters]}],
            }
        ],
    }
    config["global"]["scrape_timeout"] = config["global"]["scrape_interval"]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                program,
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={address}",
                "--log.level=warn",
            ],
            stdout=log,
            stderr=log,
        )
    try:
        _await_ready(f"http://{address}/-/ready", process)
        yield f"http://{address}", process
    finally:
        process.terminate()
        process.wait(20)


def _await_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(requests.ConnectionError):
            if requests.get(url, timeout=5).ok:
                return
        time.sleep(0.1)
    raise RuntimeError("Prometheus did not start; its log is beside its configuration")
