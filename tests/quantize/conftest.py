"""A tiny trained classifier, its rows and the plan of a step."""

from collections.abc import Callable
from pathlib import Path

import pytest

from leanstage.contracts import HardwareProfile, Plan, QuantizeSettings
from leanstage.tasks import SplitFolder, hold_out, open_split, read_labelled, write_split
from leanstage.techniques.answers import Answers, ask
from leanstage.variant import Variant
from leanstage.variant.adopt import adopt

LABELS = ("negative", "positive")

Planned = Callable[..., Plan]


@pytest.fixture
def baseline(tiny_checkpoint: Callable[[str], Path], tmp_path: Path) -> Variant:
    return adopt(tiny_checkpoint("bert"), tmp_path / "baseline")


@pytest.fixture
def train(data: dict[str, Path], tmp_path: Path) -> SplitFolder:
    return _split(data, tmp_path, "train")


@pytest.fixture
def validation(data: dict[str, Path], tmp_path: Path) -> SplitFolder:
    return _split(data, tmp_path, "validation")


@pytest.fixture
def answers(baseline: Variant, validation: SplitFolder) -> Answers:
    return ask(baseline, validation=validation)


@pytest.fixture
def plan(baseline: Variant) -> Planned:
    def planned(*backends: str, tolerance: float = 0.05, **settings: object) -> Plan:
        return Plan(
            tree_version="1",
            facts={},
            path=(),
            tolerance=tolerance,
            hardware=HardwareProfile(cpu="x", threads=2, memory_bytes=1),
            baseline_digest=baseline.digest,
            quantize=QuantizeSettings(backends=backends, **settings),  # type: ignore[arg-type]
        )

    return planned


def _split(data: dict[str, Path], folder: Path, name: str) -> SplitFolder:
    rows = read_labelled(str(data["train"]), LABELS, split="train")
    train, validation = hold_out(rows, share=0.3, seed=1)
    kept = {"train": train, "validation": validation}[name]
    write_split(folder / name, kept, split=name, labels=LABELS)  # type: ignore[arg-type]
    return open_split(folder / name)
