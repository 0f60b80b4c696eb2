"""Worker processes import the tiny predictors of this folder and load tiny variants."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def make_variant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Makes a folder that ``tiny_predictor``'s loaders accept; workers can import that module."""
    paths = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")

    def make(name: str, products: int = 1) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "work.json").write_text(json.dumps({"products": products}))
        return folder

    return make
