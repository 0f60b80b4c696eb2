"""The DAG of the README runs as it stands there."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "README.md"

pytestmark = pytest.mark.e2e


def test_the_composed_dag_runs(
    tiny_checkpoint: Callable[[str], Path],
    data: dict[str, Path],
    tmp_path: Path,
    mlflow_here: str,
) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    shutil.copytree(tiny_checkpoint("bert"), tmp_path / "model")
    for name, path in data.items():
        shutil.copy(path, tmp_path / f"{name}.jsonl")
    (tmp_path / "dag.py").write_text(code, encoding="utf-8")
    finished = subprocess.run(
        [sys.executable, "dag.py"],
        cwd=tmp_path,
        env={**os.environ, "MLFLOW_TRACKING_URI": mlflow_here},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert finished.returncode == 0, finished.stdout[-4000:] + finished.stderr[-2000:]
    # A local run reports a vanished task as success: the figures must be there.
    assert list(tmp_path.glob("local_outputs/*/evaluate/figures/evaluation.json")), (
        "nothing was evaluated"
    )
