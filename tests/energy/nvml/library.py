"""A stub of the driver's library, compiled here, and what runs against it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
WATTS = (100.0, 300.0)
UPDATE_SECONDS = 0.1


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that holds the stub."""
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("gcc is not installed: the stub of libnvidia-ml.so.1 cannot be compiled")
    folder = tmp_path_factory.mktemp("nvml")
    target = folder / "libnvidia-ml.so.1"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", target, HERE / "stub.c"], check=True)
    return folder


def call(library: Path, *command: str | Path, **environment: str) -> str:
    """What a command prints that runs where the stub is the driver's library."""
    inherited = {name: text for name, text in os.environ.items() if not name.startswith("CUDA_")}
    env = {**inherited, "LD_LIBRARY_PATH": str(library), "COLUMNS": "200", **environment}
    done = subprocess.run(
        [sys.executable, *command], env=env, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def probe(library: Path, seconds: float = 0.5, **environment: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        call(library, HERE / "probe.py", f"{seconds}", **environment)
    )
    return found
