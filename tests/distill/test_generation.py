"""The three techniques on a model that writes, one after the other as in the line."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leanstage.contracts import (
    DistillSettings,
    HardwareProfile,
    Plan,
    PruneSettings,
    QuantizeSettings,
)
from leanstage.distill.step import distill
from leanstage.distill.student import shallow_student
from leanstage.errors import InputError
from leanstage.prune.step import prune
from leanstage.quantize.step import quantize
from leanstage.tasks import Examples, SplitFolder, open_split, read_labelled, write_split
from leanstage.techniques.answers import Answers, ask, load_answers
from leanstage.techniques.generation import TaughtTokens
from leanstage.techniques.generation_search import token_figures
from leanstage.techniques.search import validation_answers
from leanstage.variant import Variant, open_variant
from leanstage.variant.adopt import adopt
from leanstage.variant.checkpoint import load_checkpoint
from leanstage.variant.folder import copy_tokenizer
from leanstage.variant.generation import load_generator
from tests.generation_model import sentences, write_prompts, write_texts

Splits = dict[str, SplitFolder]


@pytest.fixture(scope="module")
def teacher(tiny_llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Variant:
    return adopt(tiny_llama, tmp_path_factory.mktemp("llama") / "variant")


def split_of(folder: Path, write: Any, seed: int, rows: int, name: Any) -> SplitFolder:
    source = write(folder / f"{name}.jsonl", sentences(rows, seed=seed))
    write_split(folder / name, read_labelled(str(source), (), split=name), split=name, labels=())
    return open_split(folder / name)


@pytest.fixture(scope="module")
def splits(tmp_path_factory: pytest.TempPathFactory) -> Splits:
    folder = tmp_path_factory.mktemp("splits")
    write_split(folder / "u", Examples([], [], "none"), split="unlabelled", labels=())
    return {
        "train": split_of(folder, write_texts, 21, 400, "train"),
        "validation": split_of(folder, write_texts, 22, 120, "validation"),
        "unlabelled": open_split(folder / "u"),
    }


def plan_of(baseline: Variant, tolerance: float = 0.05, **settings: Any) -> Plan:
    return Plan(
        tree_version="1",
        facts={},
        path=(),
        tolerance=tolerance,
        hardware=HardwareProfile(cpu="x", threads=2, memory_bytes=1),
        baseline_digest=baseline.digest,
        **settings,
    )


@pytest.fixture(scope="module")
def distilled(
    teacher: Variant, splits: Splits, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Variant, Answers]:
    folder = tmp_path_factory.mktemp("distilled")
    plan = plan_of(
        teacher,
        distill=DistillSettings(depths=(0.75,), epochs=3, learning_rate=2e-3, temperature=1.0),
        prune=PruneSettings(ratios=(0.5,)),
    )
    student = distill(
        teacher, plan=plan, target=folder / "student", answers_file=folder / "answers", **splits
    )
    return student, load_answers(folder / "answers", teacher)


def test_a_student_of_fewer_layers(teacher: Variant, distilled: tuple[Variant, Answers]) -> None:
    student, answers = distilled
    (step,) = student.manifest.lineage
    assert step.status == "applied", step.reason
    assert isinstance(answers.taught, TaughtTokens)
    figures = step.trials[0].validation
    assert figures is not None
    assert figures.n == len(answers.validation) > 1000, "tokens are counted, not rows"
    assert figures.reference_accuracy == pytest.approx(answers.validation[:, 1].mean())
    assert step.trials[0].ms_per_answer
    assert student.manifest.task == "text-generation"
    assert student.manifest.parameters < teacher.manifest.parameters
    assert open_variant(student.path).digest == student.digest


def test_a_student_that_is_pruned_and_quantized(
    teacher: Variant, splits: Splits, distilled: tuple[Variant, Answers], tmp_path: Path
) -> None:
    student, answers = distilled
    plan = plan_of(
        teacher,
        tolerance=0.2,
        prune=PruneSettings(
            ratios=(0.25,), dimensions=("feed_forward",), epochs=2, learning_rate=2e-3
        ),
        # Half the arithmetic of so small a model saves nothing that a timing could show.
        quantize=QuantizeSettings(backends=("torch-bf16",), min_gain=0.0),
    )
    pruned = prune(
        student,
        answers=answers,
        validation=splits["validation"],
        plan=plan,
        target=tmp_path / "pruned",
    )
    assert pruned.manifest.lineage[-1].status == "applied", pruned.manifest.lineage[-1].reason
    assert pruned.manifest.parameters < student.manifest.parameters
    quantized = quantize(
        pruned,
        answers=answers,
        validation=splits["validation"],
        plan=plan,
        batch_size=8,
        target=tmp_path / "quantized",
    )
    last = quantized.manifest.lineage[-1]
    assert last.technique == "quantize"
    assert [trial.settings["backend"] for trial in last.trials] == ["torch-bf16"]
    written = load_generator(quantized.path).generate(["today fox gladly sleeps near the"], [4])
    assert written[0].strip(), "it still writes"


def test_what_a_student_writes_is_worth_learning_from(
    teacher: Variant, splits: Splits, tmp_path: Path
) -> None:
    prompts = split_of(tmp_path, write_prompts, 23, 40, "train")
    plan = plan_of(teacher, distill=DistillSettings(depths=(0.5,), completions=True))
    answers = ask(teacher, validation=splits["validation"], train=prompts, plan=plan)
    assert answers.taught is not None
    assert len(answers.taught) == 80


def test_a_student_for_another_number_of_tokens_is_refused(
    teacher: Variant, splits: Splits, tmp_path: Path
) -> None:
    """With the teacher's tokenizer, but padded: it would fail in the first step of its training."""
    brought = tmp_path / "brought"
    student: Any = shallow_student(load_checkpoint(teacher.path), [0, 3])
    student.resize_token_embeddings(352)
    student.save_pretrained(brought)
    copy_tokenizer(teacher.path, brought)
    with pytest.raises(InputError, match="says how likely 352 tokens are, the teacher 340"):
        distill(
            teacher,
            plan=plan_of(teacher, distill=DistillSettings(student=True)),
            student=brought,
            target=tmp_path / "student",
            answers_file=tmp_path / "answers",
            **splits,
        )
    assert not (tmp_path / "student").exists()


@pytest.mark.parametrize("weight", ["hidden_weight", "attention_weight"])
def test_losses_that_are_for_classes_alone(teacher: Variant, splits: Splits, weight: str) -> None:
    plan = plan_of(teacher, distill=DistillSettings(depths=(0.5,), **{weight: 1.0}))
    with pytest.raises(InputError, match="set hidden_weight and attention_weight to 0"):
        ask(teacher, validation=splits["validation"], train=splits["train"], plan=plan)


def test_figures_of_tokens_are_by_hand(teacher: Variant, splits: Splits) -> None:
    answers, cost = validation_answers(teacher, splits["validation"])
    same = token_figures(answers, answers)
    assert same.probability_drop == same.accuracy_drop == same.probability_drop_se == 0
    assert cost > 0
    worse = answers.copy()
    rows = answers[:, 2].astype(int)
    worse[:, 0] -= 0.01 * (rows % 2)
    worse[:, 1] = 0
    found = token_figures(worse, answers)
    assert found.probability_drop == pytest.approx(0.01 * (rows % 2).mean(), rel=1e-4)
    assert found.accuracy == 0
    assert found.accuracy_drop == pytest.approx(answers[:, 1].mean())
    # Rows, not tokens, are what varies independently: 120 of them lose 0 or 0.01.
    assert found.probability_drop_se == pytest.approx(0.005 / np.sqrt(120), rel=0.1)
