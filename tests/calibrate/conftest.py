"""A cluster to ask, and a calibration that really ran."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from leanstage.contracts import HardwareProfile
from tests.calibrate.nodes_api import Nodes, kubeconfig, serving


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Nodes]:
    """An API of Kubernetes that this process is configured for."""
    with serving(Nodes()) as state:
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path / "kubeconfig", state.uri)))
        monkeypatch.setattr(
            "kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", os.environ["KUBECONFIG"]
        )
        yield state


@pytest.fixture
def profile() -> HardwareProfile:
    return HardwareProfile(
        name="serving-pool",
        cpu="Intel(R) Xeon(R) Platinum 8488C",
        family=6,
        model=143,
        threads=8,
        memory_bytes=2**35,
        features=("avx2", "avx512f", "avx512_vnni", "amx_bf16"),
    )


@dataclass(frozen=True)
class Ran:
    """A run of the pipeline ``calibrate``: what it wrote and logged."""

    folder: Path
    tracking_uri: str
    log: str

    @property
    def profile(self) -> HardwareProfile:
        (path,) = self.folder.glob("pipeline/*/calibrate/profile")
        return HardwareProfile.load(path)


@pytest.fixture(scope="session")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """The pipeline as kfp runs it on this machine, on a model of two narrow layers."""
    folder = tmp_path_factory.mktemp("calibrate")
    request = {
        "pipeline": "calibrate",
        "arguments": {"profile": "here", "shapes": "2x64", "quick": True},
        "root": str(folder / "pipeline"),
    }
    (folder / "request.json").write_text(json.dumps(request), encoding="utf-8")
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    environment = {**os.environ, "MLFLOW_TRACKING_URI": uri, "NODE_NAME": ""}
    done = subprocess.run(
        [sys.executable, "-m", "leanstage.runner.child", str(folder / "request.json")],
        env=environment,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    return Ran(folder, uri, done.stdout)
