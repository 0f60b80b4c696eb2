"""What cannot be used is one sentence and exit code 2, before anything is trained."""

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import pytest
from transformers import Trainer

from leanstage.contracts import DistillSettings, PruneSettings, QuantizeSettings
from leanstage.distill.step import distill
from leanstage.progress import stage
from leanstage.prune.step import prune
from leanstage.quantize.backends import BACKENDS
from leanstage.quantize.step import quantize
from leanstage.resolve import Request, Targets, resolve
from leanstage.tasks import Examples, SplitFolder, open_split, write_split
from leanstage.techniques.answers import ask
from leanstage.variant import Variant
from tests.conftest import LABELS, reviews, write_rows
from tests.distill.conftest import plan_of, splits, teacher

__all__ = ["splits", "teacher"]

Splits = dict[str, SplitFolder]


def rows(folder: Path, texts: list[str], labels: list[int]) -> SplitFolder:
    examples = Examples(texts, labels, "given")
    write_split(folder, examples, split="train", labels=LABELS)
    return open_split(folder)


def one_class(teacher: Variant, splits: Splits, folder: Path) -> None:
    alike = [(text, 1) for text in splits["train"].texts]
    request = Request(
        model=str(teacher.path),
        train=str(write_rows(folder / "reviews.jsonl", alike)),
        evaluation=str(write_rows(folder / "evaluation.jsonl", reviews(200, seed=3))),
        name="tiny",
    )
    resolve(request, Targets(**{field.name: folder / field.name for field in fields(Targets)}))


def truth_without_labels(teacher: Variant, splits: Splits, folder: Path) -> None:
    distill(
        teacher,
        **(splits | {"train": rows(folder / "none", [], [])}),
        plan=plan_of(teacher, distill=DistillSettings(depths=(0.67,), truth_weight=0.5)),
        target=folder / "student",
        answers_file=folder / "answers",
    )


def student_that_is_none(teacher: Variant, splits: Splits, folder: Path) -> None:
    empty = folder / "empty"
    empty.mkdir()
    distill(
        teacher,
        **splits,
        plan=plan_of(teacher, distill=DistillSettings(student=True)),
        target=folder / "student",
        answers_file=folder / "answers",
        student=empty,
    )


def no_head_left(teacher: Variant, splits: Splits, folder: Path) -> None:
    prune(
        teacher,
        answers=ask(teacher, validation=splits["validation"], train=splits["train"]),
        validation=splits["validation"],
        plan=plan_of(teacher, prune=PruneSettings(ratios=(0.5,), dimensions=("heads",))),
        target=folder / "pruned",
        ratio=0.95,
    )


def one_row_of_ranges(teacher: Variant, splits: Splits, folder: Path) -> None:
    settings = QuantizeSettings(backends=("onnxruntime-int8-static",))
    quantize(
        teacher,
        answers=ask(teacher, validation=splits["validation"]),
        validation=splits["validation"],
        plan=plan_of(teacher, quantize=settings),
        batch_size=8,
        target=folder / "quantized",
        train=rows(folder / "one", ["a moving film"], [1]),
    )


@pytest.mark.parametrize(
    ("case", "what"),
    [
        (one_class, "reviews.jsonl holds rows of one class only (positive)"),
        (truth_without_labels, "no row to learn from has a label"),
        (student_that_is_none, "config.json"),
        (no_head_left, "a head"),
        (one_row_of_ranges, "there is one row of it, which shows no range"),
    ],
)
def test_bad_input_is_one_sentence_before_any_training(
    case: Callable[[Variant, Splits, Path], None],
    what: str,
    teacher: Variant,
    splits: Splits,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(Trainer, "train", lambda *_, **__: pytest.fail("a training was started"))
    with pytest.raises(SystemExit) as ended, stage("technique"):
        case(teacher, splits, tmp_path)
    assert ended.value.code == 2
    said = "".join(capfd.readouterr())
    (sentence,) = [line for line in said.splitlines() if what in line]
    assert sentence.rstrip().endswith(".")
    assert "Traceback" not in said
    for name in ("student", "pruned", "quantized"):
        assert not (tmp_path / name).exists()


def test_a_backend_for_gpus_alone_is_not_built_on_a_processor(
    teacher: Variant,
    splits: Splits,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No mistake of the plan's, which may be made for other machines: a trial that says so."""
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    # The library may not be installed here, which is another reason.
    backend = replace(
        BACKENDS["torchao-int4"], libraries=(), build=lambda *_: pytest.fail("it was built")
    )
    monkeypatch.setitem(BACKENDS, "torchao-int4", backend)
    variant = quantize(
        teacher,
        answers=ask(teacher, validation=splits["validation"]),
        validation=splits["validation"],
        plan=plan_of(teacher, quantize=QuantizeSettings(backends=("torchao-int4",))),
        batch_size=8,
        target=tmp_path / "quantized",
        train=splits["train"],
    )
    (step,) = variant.manifest.lineage
    (trial,) = step.trials
    assert not trial.fits
    assert "PyTorch can use none on this machine" in trial.reason
