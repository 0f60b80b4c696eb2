"""Fewer tokens of a text: chosen by asking, said to whatever reads the files, learnt from."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from leanstage.contracts import AccuracyTest, DistillSettings
from leanstage.distill.reading import read_less
from leanstage.distill.step import distill
from leanstage.distill.student import shallow_student
from leanstage.tasks import Examples, SplitFolder, open_split, write_split
from leanstage.techniques.answers import load_answers, reader_of
from leanstage.techniques.data import TaughtRows
from leanstage.variant import MANIFEST, Variant, load_predictor
from leanstage.variant.checkpoint import load_checkpoint
from tests.conftest import GOOD, LABELS
from tests.distill.conftest import plan_of

LEARNS = {"epochs": 1, "learning_rate": 1e-3, "attention_weight": 0.5}


@pytest.fixture
def long_tailed(splits: dict[str, SplitFolder], tmp_path: Path) -> dict[str, SplitFolder]:
    """The reviews, each followed by its own last word over and over, which adds nothing."""
    found = {}
    for name, split in splits.items():
        texts = [f"{text} " + f"{text.split()[-1]} " * 30 for text in split.texts]
        rows = Examples(texts, list(split.labels), name)
        labels = LABELS if split.labels else ()
        write_split(tmp_path / name, rows, split=split.info.split, labels=labels)
        found[name] = open_split(tmp_path / name)
    return found


def test_a_student_reads_no_more_than_the_answers_need(
    teacher: Variant, long_tailed: dict[str, SplitFolder], tmp_path: Path
) -> None:
    settings = DistillSettings(lengths=(8, 16, 24), depths=(0.67,), **LEARNS)  # type: ignore[arg-type]
    plan = plan_of(teacher, tolerance=1.0, distill=settings)
    target, answers_file = tmp_path / "student", tmp_path / "answers"
    student = distill(teacher, plan=plan, target=target, answers_file=answers_file, **long_tailed)
    (step,) = student.manifest.lineage
    assert step.status == "applied", step.reason
    assert step.settings["tokens"] == student.manifest.max_length == 8
    assert step.settings["of_tokens"] == teacher.manifest.max_length > 24
    reading = [trial for trial in step.trials if "layers" not in trial.settings]
    assert {trial.limit for trial in reading} == {0.25}, "half of what distillation may lose"
    assert {trial.limit for trial in step.trials if trial not in reading} == {0.5}
    tried = [trial.settings["tokens"] for trial in reading]
    assert 8 in tried
    assert len(tried) <= 2, "of three, bisection tries two"

    answers = load_answers(answers_file, teacher)
    assert isinstance(answers.taught, TaughtRows)
    assert max(answers.taught.lengths) == 8
    assert answers.reader == reader_of(student)
    assert not answers.taught.apart, "the inside of the teacher is learnt at what is read"
    # What is learnt is what the teacher says to the whole text.
    texts = long_tailed["train"].texts[:40]
    whole = load_predictor(teacher.path).predict(texts)
    taught = answers.taught.logits[: len(texts)].softmax(dim=-1).numpy()
    np.testing.assert_allclose(taught, whole, atol=2e-2)


def test_a_student_learns_to_do_with_fewer_tokens_than_its_teacher_needs(
    teacher: Variant, splits: dict[str, SplitFolder], tmp_path: Path
) -> None:
    """The first word tells what the review behind it says, and the teacher does not know that."""
    rows = {}
    for name, split in splits.items():
        signs = ["camera" if set(GOOD) & set(text.split()) else "music" for text in split.texts]
        texts = [
            f"{sign} the the the the the {t}" for sign, t in zip(signs, split.texts, strict=True)
        ]
        found = Examples(texts, list(split.labels), name)
        labels = LABELS if split.labels else ()
        write_split(tmp_path / name, found, split=split.info.split, labels=labels)
        rows[name] = open_split(tmp_path / name)
    learns = {"epochs": 12, "learning_rate": 2e-3, "attention_weight": 0.1}
    settings = DistillSettings(lengths=(8,), depths=(0.67,), **learns)  # type: ignore[arg-type]
    plan = plan_of(teacher, tolerance=0.4, distill=settings)
    target, answers_file = tmp_path / "student", tmp_path / "answers"
    student = distill(teacher, plan=plan, target=target, answers_file=answers_file, **rows)
    (step,) = student.manifest.lineage
    untrained, whole, short = step.trials
    assert not untrained.fits, "the teacher itself cannot"
    assert whole.fits
    assert "tokens" not in whole.settings
    assert short.fits, short.reason
    assert short.settings["tokens"] == 8
    assert short.ms_per_answer is not None
    assert whole.ms_per_answer is not None
    if short.ms_per_answer > 0.95 * whole.ms_per_answer:
        assert "tokens" not in step.settings, "kept only where it is cheaper by more than noise"
        return
    assert step.settings["tokens"] == 8
    answers = load_answers(answers_file, teacher)
    assert answers.reader == reader_of(student)
    assert isinstance(answers.taught, TaughtRows)
    assert max(answers.taught.lengths) == student.manifest.max_length == 8
    assert not answers.taught.apart
    given = load_predictor(teacher.path).predict(rows["train"].texts[:40])
    kept = answers.taught.logits[:40].softmax(dim=-1).numpy()
    np.testing.assert_allclose(kept, given, atol=2e-2)


def test_a_student_that_was_brought_reads_no_more_than_its_teacher_has_to(
    teacher: Variant, long_tailed: dict[str, SplitFolder], tmp_path: Path
) -> None:
    brought = tmp_path / "brought"
    shutil.copytree(teacher.path, brought)
    shallow_student(load_checkpoint(teacher.path), [0, 2]).save_pretrained(brought)
    (brought / MANIFEST).unlink()
    settings = DistillSettings(lengths=(8,), student=True, **LEARNS)  # type: ignore[arg-type]
    student = distill(
        teacher,
        plan=plan_of(teacher, tolerance=1.0, distill=settings),
        student=brought,
        target=tmp_path / "student",
        answers_file=tmp_path / "answers",
        **long_tailed,
    )
    (step,) = student.manifest.lineage
    assert step.status == "applied", step.reason
    assert step.settings["attention_weight"] == 0.5, "it learns from the inside all the same"
    assert student.manifest.max_length == 8


def test_what_spares_no_tokens_or_loses_too_much_is_not_read(
    teacher: Variant, splits: dict[str, SplitFolder], tmp_path: Path
) -> None:
    settings = DistillSettings(lengths=(8, 30))
    plan = plan_of(teacher, tolerance=0.0, distill=settings)
    left = distill(teacher, plan=plan, target=tmp_path / "a", answers_file=tmp_path / "b", **splits)
    (step,) = left.manifest.lineage
    assert step.status == "skipped"
    assert {trial.settings["tokens"] for trial in step.trials} <= {8}
    assert not any(trial.fits for trial in step.trials)
    assert left.manifest.max_length == teacher.manifest.max_length


def test_a_reading_that_the_gate_could_not_clear_is_not_kept(
    teacher: Variant, splits: dict[str, SplitFolder], tmp_path: Path
) -> None:
    """However much may be lost: what eight tokens turn is too much for so few evaluation rows."""
    settings = DistillSettings(lengths=(8,))
    test = AccuracyTest(rows=30, margin=0.01, confidence=0.975)
    plan = plan_of(teacher, tolerance=1.0, distill=settings)
    held = plan_of(teacher, tolerance=1.0, distill=settings, accuracy_test=test)
    kept = distill(teacher, plan=plan, target=tmp_path / "a", answers_file=tmp_path / "b", **splits)
    left = distill(teacher, plan=held, target=tmp_path / "c", answers_file=tmp_path / "d", **splits)
    assert kept.manifest.max_length == 8
    assert left.manifest.max_length == teacher.manifest.max_length
    (trial,) = left.manifest.lineage[-1].trials
    assert "could not with a probability of 70% rule out a loss" in trial.reason


def test_the_length_is_said_to_every_reader_of_the_files(teacher: Variant, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    short = read_less(teacher, 12, tmp_path / "short")
    text = "good " * 40
    ours = load_predictor(short.path)
    plain = AutoTokenizer.from_pretrained(short.path)
    assert len(plain(text, truncation=True)["input_ids"]) == 12
    changed = {name: getattr(short.manifest, name) for name in ("max_length", "digest", "bytes")}
    assert short.manifest == teacher.manifest.model_copy(update=changed)
    np.testing.assert_allclose(ours.predict([text]), ours.predict(["good " * 10]), atol=1e-6)
