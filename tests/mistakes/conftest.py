"""What the techniques are tested with in which these mistakes could be made; broken backends."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from leanstage.contracts import Plan, Step
from leanstage.quantize.backends import BACKENDS, Backend
from leanstage.quantize.step import quantize
from leanstage.tasks import SplitFolder
from leanstage.techniques.answers import Answers
from leanstage.techniques.search import save_checkpoint
from leanstage.variant import Variant, fresh_folder, open_variant
from leanstage.variant.checkpoint import load_checkpoint
from leanstage.variant.folder import link_or_copy
from tests.gate.conftest import genuine, spoiled
from tests.gate.promotion.conftest import promoting
from tests.quantize.conftest import answers, baseline, plan, train, validation

__all__ = [
    "answers",
    "baseline",
    "genuine",
    "plan",
    "promoting",
    "spoiled",
    "train",
    "validation",
]

Quantized = Callable[..., Variant]


@pytest.fixture
def quantized(
    baseline: Variant,
    answers: Answers,
    validation: SplitFolder,
    train: SplitFolder,
    plan: Callable[..., Plan],
    tmp_path: Path,
) -> Quantized:
    """The baseline after the quantize step with these backends."""

    def run(*backends: str, **settings: Any) -> Variant:
        return quantize(
            baseline,
            answers=answers,
            validation=validation,
            plan=plan(*backends, **settings),
            batch_size=8,
            target=tmp_path / "quantized",
            train=train,
        )

    return run


@pytest.fixture
def instead(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Puts a build in the place of bfloat16's and gives the name to ask for; it seems cheap."""

    def put(build: Callable[[Variant, Path], Variant]) -> str:
        backend = Backend(lambda source, target, _: build(source, target), "torch")
        monkeypatch.setitem(BACKENDS, "torch-bf16", backend)
        cheap = {"input": 2.0, "torch-bf16": 1.0}
        monkeypatch.setattr("leanstage.quantize.bench.ms_per_answer", lambda *_, **__: cheap)
        return "torch-bf16"

    return put


def unchanged(source: Variant, target: Path) -> Variant:
    """A backend that hands back its input."""
    with fresh_folder(target) as draft:
        for path in source.path.iterdir():
            link_or_copy(path, draft / path.name)
    return open_variant(target)


def one_class(source: Variant, target: Path) -> Variant:
    """A backend after which every row gets the same answer."""
    model: Any = load_checkpoint(source.path)
    with torch.no_grad():
        model.classifier.bias[0] += 100.0
    return save_checkpoint(model.bfloat16(), source, target)


def inverted(source: Variant, target: Path) -> Variant:
    """A backend after which every answer is the other one."""
    model: Any = load_checkpoint(source.path)
    with torch.no_grad():
        model.classifier.weight *= -1
        model.classifier.bias *= -1
    return save_checkpoint(model.bfloat16(), source, target)


def last_step(variant: Variant) -> Step:
    return variant.manifest.lineage[-1]
