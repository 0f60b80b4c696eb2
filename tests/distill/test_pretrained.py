"""A checkpoint of another family, width and vocabulary learns the teacher's answers."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

from leanstage.contracts import DistillSettings, Plan, PruneSettings
from leanstage.distill.pretrained import _with_head, bring_student, reads_alike
from leanstage.distill.step import distill
from leanstage.distill.student import shallow_student
from leanstage.errors import InputError
from leanstage.prune.step import prune
from leanstage.tasks import SplitFolder
from leanstage.techniques.answers import load_answers
from leanstage.techniques.data import TaughtRows
from leanstage.variant import Variant, load_predictor
from leanstage.variant.checkpoint import load_checkpoint
from leanstage.variant.tokens import TextEncoder
from tests.conftest import BAD, GOOD, WORDS
from tests.distill.conftest import plan_of, pretrained

LEARNS = {"epochs": 6, "learning_rate": 3e-3}


def test_it_gets_a_head_keeps_its_tokenizer_and_can_be_pruned_further(
    teacher: Variant,
    splits: dict[str, SplitFolder],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Of two students that fit the first, whatever a clock says.
    monkeypatch.setattr("leanstage.techniques.attempts.NOISE", 1.0)
    plan = plan_of(
        teacher,
        # What else is tried learns from the inside too; this student, and what it becomes, cannot.
        distill=DistillSettings(student=True, depths=(0.67,), attention_weight=1.0, **LEARNS),
        prune=PruneSettings(ratios=(0.5,), hidden_weight=1.0, **LEARNS),
    )
    brought = pretrained(tmp_path / "brought", steps=60)
    student = distill(
        teacher,
        plan=plan,
        student=brought,
        target=tmp_path / "student",
        answers_file=tmp_path / "answers",
        **splits,
    )
    (step,) = student.manifest.lineage
    assert step.status == "applied", step.reason
    first, second = step.trials
    assert (first.settings["attention_weight"], second.settings["attention_weight"]) == (0.0, 1.0)
    assert step.settings == first.settings
    assert student.manifest.architecture == "roberta"
    assert student.manifest.labels == teacher.manifest.labels
    assert student.manifest.max_length == 48
    tokenizer = "tokenizer.json"
    assert (student.path / tokenizer).read_bytes() == (brought / tokenizer).read_bytes()
    texts = splits["validation"].texts
    told = load_predictor(student.path).predict(texts)
    assert (told.argmax(1) == np.array(splits["validation"].labels)).mean() > 0.9

    answers = load_answers(tmp_path / "answers", teacher)
    assert isinstance(answers.taught, TaughtRows)
    learnt = [*splits["train"].texts, *splits["unlabelled"].texts]
    assert answers.taught.ids == TextEncoder(student.path, 48).ids(learnt)
    with pytest.raises(InputError, match="as another tokenizer reads it"):
        prune(
            teacher,
            answers=answers,
            validation=splits["validation"],
            plan=plan,
            target=tmp_path / "pruned",
        )
    pruned = prune(
        student,
        answers=answers,
        validation=splits["validation"],
        plan=plan,
        target=tmp_path / "pruned",
    )
    step = pruned.manifest.lineage[-1]
    assert step.status == "applied", step.reason
    assert step.settings["hidden_weight"] == 0.0


def pads(source: Path, target: Path) -> None:
    """Let a tokenizer pad every text to a fixed length, as those of sentence encoders do."""
    tokenizer = Tokenizer.from_file(str(source))
    tokenizer.enable_padding(length=128)
    tokenizer.save(str(target))


def copied(teacher: Variant, folder: Path, layers: list[int], **config: Any) -> Path:
    """Some layers of the teacher, whose tokenizer is set otherwise where that does not matter."""
    shallow_student(load_checkpoint(teacher.path), layers).save_pretrained(folder)
    pads(teacher.path / "tokenizer.json", folder / "tokenizer.json")
    for name, more in (
        ("tokenizer_config.json", {"tokenizer_file": None}),
        ("config.json", config),
    ):
        source = folder if name == "config.json" else teacher.path
        said = json.loads((source / name).read_text())
        (folder / name).write_text(json.dumps(said | more))
    return folder


def test_one_that_reads_as_its_teacher_does_learns_from_the_inside_and_is_kept(
    teacher: Variant, splits: dict[str, SplitFolder], tmp_path: Path
) -> None:
    settings = DistillSettings(student=True, hidden_weight=0.5, epochs=1, learning_rate=1e-3)
    brought = copied(teacher, tmp_path / "brought", [0, 2], problem_type="regression")
    student = distill(
        teacher,
        plan=plan_of(teacher, distill=settings),
        student=brought,
        target=tmp_path / "student",
        answers_file=tmp_path / "answers",
        **splits,
    )
    (step,) = student.manifest.lineage
    assert step.status == "applied", step.reason
    assert step.settings["hidden_weight"] == 0.5
    name = "tokenizer_config.json"
    assert (student.path / name).read_bytes() != (teacher.path / name).read_bytes()
    config = json.loads((student.path / "config.json").read_text())
    assert config["problem_type"] == "single_label_classification", "it answers as it was measured"


def test_more_words_than_its_layers_save_are_no_reason_against_it(
    teacher: Variant, splits: dict[str, SplitFolder], tmp_path: Path
) -> None:
    words = (*BAD, *GOOD, *WORDS, *[f"mot{n}" for n in range(6000)])
    student = distill(
        teacher,
        plan=plan_of(teacher, tolerance=1.0, distill=DistillSettings(student=True, epochs=1)),
        student=pretrained(tmp_path / "brought", words=words),
        target=tmp_path / "student",
        answers_file=tmp_path / "answers",
        **splits,
    )
    (step,) = student.manifest.lineage
    assert step.status == "applied", step.reason
    assert student.manifest.parameters > teacher.manifest.parameters


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"num_attention_heads": 0}, "ZeroDivisionError"),
        ({"vocab_size": "x"}, "config.json or its weights are not sound"),
        ({"hidden_size": None}, "config.json or its weights are not sound"),
        ({"hidden_act": "nope"}, "KeyError 'nope'"),
        ({"num_hidden_layers": 0}, "leaves no layer"),
        ({"num_hidden_layers": -1}, "leaves no layer"),
    ],
)
def test_a_config_that_no_model_can_be_made_of_is_refused(
    config: dict[str, object], sentence: str, teacher: Variant, tmp_path: Path
) -> None:
    brought = copied(teacher, tmp_path / "brought", [0, 2], **config)
    with pytest.raises(InputError, match=sentence) as raised:
        bring_student(brought, teacher, tmp_path / "student", texts=["the film"], seed=0)
    assert "does not load as a student" in str(raised.value)


def test_a_head_starts_the_same_from_a_seed_and_the_encoder_as_it_was(
    teacher: Variant, tmp_path: Path
) -> None:
    brought = pretrained(tmp_path / "brought")
    models = []
    for target in ("one", "two"):
        variant = bring_student(brought, teacher, tmp_path / target, texts=["the film"], seed=5)
        assert not reads_alike(variant, teacher)
        models.append(load_checkpoint(variant.path))
    first, second = (model.state_dict() for model in models)
    for name, weights in first.items():
        torch.testing.assert_close(weights, second[name])
    from transformers import RobertaModel

    encoder = RobertaModel.from_pretrained(brought).state_dict()
    torch.testing.assert_close(
        first["roberta.encoder.layer.1.output.dense.weight"],
        encoder["encoder.layer.1.output.dense.weight"],
    )


def refused(
    teacher: Variant, splits: dict[str, SplitFolder], student: Path, tmp_path: Path, plan: Plan
) -> str:
    """The sentence of a step that trains nothing and writes nothing."""
    with pytest.raises(InputError) as raised:
        distill(
            teacher,
            plan=plan,
            student=student,
            target=tmp_path / "student",
            answers_file=tmp_path / "answers",
            **splits,
        )
    assert not (tmp_path / "student").exists()
    return str(raised.value)


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        ({"words": [f"mot{n}" for n in range(40)]}, "unknown tokens of 100%"),
        ({"words": WORDS[:8]}, "unknown tokens of"),
        ({"hidden_size": 128}, "the teacher .*: it would save nothing"),
        ({"hidden_size": 64, "layers": 4}, "it would save nothing"),
        ({"embeds": 30}, "gives token ids up to"),
    ],
)
def test_a_student_that_cannot_be_one_is_refused(
    made: dict[str, object],
    sentence: str,
    teacher: Variant,
    splits: dict[str, SplitFolder],
    tmp_path: Path,
) -> None:
    brought = pretrained(tmp_path / "brought", **made)  # type: ignore[arg-type]
    pads(brought / "tokenizer.json", brought / "tokenizer.json")
    plan = plan_of(teacher, distill=DistillSettings(student=True))
    said = refused(teacher, splits, brought, tmp_path, plan)
    assert re.search(sentence, said), said


@pytest.mark.parametrize("weight", ["hidden_weight", "attention_weight"])
def test_the_inside_of_a_student_with_another_tokenizer_is_not_compared(
    weight: str, teacher: Variant, splits: dict[str, SplitFolder], tmp_path: Path
) -> None:
    settings = DistillSettings(student=True, **{weight: 0.5})  # type: ignore[arg-type]
    plan = plan_of(teacher, distill=settings)
    said = refused(teacher, splits, pretrained(tmp_path / "brought"), tmp_path, plan)
    assert "has another tokenizer than the teacher" in said
    assert f"{weight} 0.5" in said


def test_a_student_without_a_tokenizer_or_with_half_an_encoder_is_refused(
    teacher: Variant, splits: dict[str, SplitFolder], tmp_path: Path
) -> None:
    plan = plan_of(teacher, distill=DistillSettings(student=True))
    brought = pretrained(tmp_path / "brought")
    (brought / "tokenizer.json").rename(brought / "kept")
    said = refused(teacher, splits, brought, tmp_path, plan)
    assert "no tokenizer.json" in said
    (brought / "kept").rename(brought / "tokenizer.json")
    config = json.loads((brought / "config.json").read_text())
    (brought / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 3}))
    said = refused(teacher, splits, brought, tmp_path, plan)
    assert "lacks 16 weights of its encoder" in said


def test_without_a_student_the_plan_has_nothing_to_try(
    teacher: Variant, splits: dict[str, SplitFolder], tmp_path: Path
) -> None:
    variant = distill(
        teacher,
        plan=plan_of(teacher, distill=DistillSettings(student=True)),
        target=tmp_path / "student",
        answers_file=tmp_path / "answers",
        **splits,
    )
    (step,) = variant.manifest.lineage
    assert step.status == "skipped"
    assert "no student was brought" in step.reason


@pytest.mark.parametrize(
    ("named", "order"),
    [
        (("positive", "negative"), [1, 0]),
        (("POSITIVE", "Negative"), [1, 0]),
        (("negative", "positive"), [0, 1]),
        (("LABEL_0", "LABEL_1"), [0, 1]),
        (("ham", "spam"), None),
    ],
)
@pytest.mark.parametrize("family", ["bert", "roberta"])
def test_a_head_that_was_trained_answers_the_teachers_classes(
    tiny_checkpoint: Callable[[str], Path],
    tmp_path: Path,
    family: str,
    named: tuple[str, str],
    order: list[int] | None,
) -> None:
    brought = Path(shutil.copytree(tiny_checkpoint(family), tmp_path / "brought"))
    config = json.loads((brought / "config.json").read_text())
    config["id2label"] = dict(enumerate(named))
    config["label2id"] = {name: number for number, name in enumerate(named)}
    (brought / "config.json").write_text(json.dumps(config))
    before = load_checkpoint(brought)
    model = _with_head(brought, ("negative", "positive"), seed=0)
    assert model.config.id2label == {0: "negative", 1: "positive"}
    name = "classifier.out_proj" if family == "roberta" else "classifier"
    old, new = before.get_submodule(name), model.get_submodule(name)
    if order is None:
        assert not torch.equal(new.weight, old.weight), "it was trained on something else"
        assert not new.bias.any()
    else:
        assert torch.equal(new.weight, old.weight[order])
        assert torch.equal(new.bias, old.bias[order])
