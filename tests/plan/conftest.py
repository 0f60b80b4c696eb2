"""Untrained checkpoints: their shape is all that a plan looks at."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import tiny_config

Checkpoint = Callable[[str], Path]


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """The folder of an untrained checkpoint by family, each made once; never write into one."""
    made: dict[str, Path] = {}

    def of(family: str) -> Path:
        if family not in made:
            from transformers import AutoModelForSequenceClassification

            made[family] = tmp_path_factory.mktemp(family)
            model = AutoModelForSequenceClassification.from_config(tiny_config(family, 50))
            model.save_pretrained(made[family])
        return made[family]

    return of
