"""A run with a real registered baseline, and decisions on variants of it to promote."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.promoting import Promoting


@pytest.fixture
def promoting(
    tiny_checkpoint: Callable[[str], Path],
    data: dict[str, Path],
    tmp_path: Path,
    mlflow_here: str,
) -> Promoting:
    """A registered baseline and what it takes to promote variants of it."""
    return Promoting(tiny_checkpoint, data, tmp_path, mlflow_here)
