"""A classifier as a graph, and the servers of KServe's protocols that it stands behind."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from leanstage import orphans
from leanstage.variant import Variant
from leanstage.variant.adopt import adopt
from leanstage.variant.forms import write_onnx

HERE = Path(__file__).parent
KSERVE_PYTHON = Path(os.environ.get("LEANSTAGE_KSERVE_PYTHON", ".venv/kserve/bin/python"))


@pytest.fixture(scope="module")
def graph(
    tiny_checkpoint: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Variant:
    folder = tmp_path_factory.mktemp("graph")
    return write_onnx(adopt(tiny_checkpoint("bert"), folder / "checkpoint"), folder / "onnx")


@pytest.fixture(scope="module")
def inference_server(graph: Variant) -> Iterator[str]:
    """Address of a server of both protocols, which is a process of its own."""
    command = [sys.executable, str(HERE / "inference_server.py"), str(graph.path)]
    with running(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"


@pytest.fixture(scope="module")
def kserve_server(graph: Variant, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of KServe's own model server."""
    if not KSERVE_PYTHON.exists():
        pytest.skip(f"no Python with kserve at {KSERVE_PYTHON}; `make kserve` makes one")
    port = free_port()
    log = tmp_path_factory.mktemp("kserve") / "log"
    command = [str(KSERVE_PYTHON), str(HERE / "kserve_server.py"), str(graph.path), str(port)]
    with log.open("wb") as output, running(command, stdout=output, stderr=output) as process:
        url = f"http://127.0.0.1:{port}"
        await_ready(url, process, log)
        yield url


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def await_ready(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Until KServe's server says that it is; fails with its log where it does not come up."""
    deadline = time.monotonic() + 60
    while not answers(f"{url}/v2/health/ready"):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.2)


@contextmanager
def running(command: list[str], **streams: object) -> Iterator["subprocess.Popen[bytes]"]:
    environment = {**os.environ, "PYTHONPATH": str(HERE.parents[1] / "src")}
    process = subprocess.Popen(command, env=environment, **streams)  # type: ignore[call-overload]
    try:
        yield process
    finally:
        orphans.end(process, seconds=5)


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.RequestException:
        return False
