"""The distill step: what it tries, what it asks of the teacher, and what it hands on."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from transformers import BertForSequenceClassification

from leanstage.contracts import DistillSettings, Plan, PruneSettings
from leanstage.distill import candidates
from leanstage.distill.step import distill
from leanstage.errors import InputError
from leanstage.tasks import Examples, SplitFolder, open_split, write_split
from leanstage.techniques.answers import load_answers
from leanstage.techniques.data import TaughtRows
from leanstage.variant import Variant
from leanstage.variant.checkpoint import load_checkpoint
from leanstage.variant.tokens import TextEncoder
from tests.conftest import LABELS
from tests.distill.conftest import plan_of

LEARNS = {"epochs": 2, "learning_rate": 1e-3}
INSIDE = {"hidden_weight": 0.5, "attention_weight": 0.5, "truth_weight": 0.2}


def run(teacher: Variant, splits: dict[str, SplitFolder], plan: Plan, folder: Path) -> Variant:
    return distill(
        teacher, plan=plan, target=folder / "student", answers_file=folder / "answers", **splits
    )


@pytest.mark.parametrize("epochs", [1, 3])
def test_the_teacher_answers_every_row_once_whatever_the_epochs(
    epochs: int,
    teacher: Variant,
    splits: dict[str, SplitFolder],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: Counter[tuple[int, ...]] = Counter()
    answer = BertForSequenceClassification.forward

    def forward(self: Any, input_ids: Any, attention_mask: Any, **options: Any) -> Any:
        if self.config.num_hidden_layers == 3:
            for ids, mask in zip(input_ids, attention_mask, strict=True):
                asked[tuple(ids[mask.bool()].tolist())] += 1
        return answer(self, input_ids, attention_mask, **options)

    monkeypatch.setattr(BertForSequenceClassification, "forward", forward)
    settings = DistillSettings(depths=(0.67,), **(LEARNS | INSIDE | {"epochs": epochs}))
    plan = plan_of(teacher, distill=settings)
    student = run(teacher, splits, plan, tmp_path)
    assert student.manifest.lineage[0].status == "applied"
    texts = [*splits["train"].texts, *splits["unlabelled"].texts]
    learnt = TextEncoder(teacher.path, teacher.manifest.max_length).ids(texts)
    assert len(set(map(tuple, learnt))) == len(texts) == 480
    assert {asked[tuple(row)] for row in learnt} == {1}


def test_depths_and_widths_are_searched_and_the_cheaper_is_kept(
    teacher: Variant, splits: dict[str, SplitFolder], tmp_path: Path
) -> None:
    settings = DistillSettings(depths=(0.67,), widths=(0.5, 0.75), **(LEARNS | INSIDE))
    student = run(teacher, splits, plan_of(teacher, distill=settings), tmp_path)
    (step,) = student.manifest.lineage
    assert step.status == "applied", step.reason
    depth, width = step.trials
    assert depth.settings["layers"] == [0, 1]
    assert (width.settings["hidden"], width.settings["heads"]) == (32, 2)
    assert width.settings["intermediate"] == 128
    assert width.fits, width.reason
    kept = load_checkpoint(student.path)
    if step.settings == width.settings:
        assert kept.config.hidden_size == 32
    else:
        assert kept.config.num_hidden_layers == 2
    assert "leanstage_projection" not in " ".join(kept.state_dict())


@pytest.mark.parametrize(
    ("prune_settings", "kept"),
    [
        ({}, False),
        ({"ratios": (0.5,)}, False),
        ({"ratios": (0.5,), "hidden_weight": 1.0}, True),
        ({"ratios": (0.5,), "attention_weight": 1.0}, True),
    ],
)
def test_states_are_handed_on_only_to_a_technique_that_learns_from_them(
    prune_settings: dict[str, Any],
    kept: bool,
    teacher: Variant,
    splits: dict[str, SplitFolder],
    tmp_path: Path,
) -> None:
    plan = plan_of(
        teacher,
        tolerance=0.0,
        distill=DistillSettings(depths=(0.67,), **(LEARNS | INSIDE | {"epochs": 1})),
        prune=PruneSettings(**prune_settings),
    )
    run(teacher, splits, plan, tmp_path)
    answers = load_answers(tmp_path / "answers", teacher)
    assert isinstance(answers.taught, TaughtRows)
    assert (answers.taught.states is not None) == kept
    assert answers.taught.labels is not None
    known = [*splits["train"].labels, *[-1] * len(splits["unlabelled"].texts)]
    assert answers.taught.labels.tolist() == known


def test_a_ground_truth_loss_needs_labels(
    teacher: Variant, splits: dict[str, SplitFolder], tmp_path: Path
) -> None:
    write_split(tmp_path / "none", Examples([], [], "none"), split="train", labels=LABELS)
    unlabelled = splits | {"train": open_split(tmp_path / "none")}
    settings = DistillSettings(depths=(0.67,), truth_weight=0.2)
    with pytest.raises(InputError, match="no row to learn from has a label"):
        run(teacher, unlabelled, plan_of(teacher, distill=settings), tmp_path)
    assert not (tmp_path / "answers").exists()


def test_relation_heads_that_divide_no_width_are_refused(
    teacher: Variant, splits: dict[str, SplitFolder], tmp_path: Path
) -> None:
    settings = DistillSettings(depths=(0.67,), attention_weight=1.0, relation_heads=7)
    with pytest.raises(InputError, match="7 relation heads do not divide the hidden size 64"):
        run(teacher, splits, plan_of(teacher, distill=settings), tmp_path)


def test_relation_heads_are_held_against_every_student_before_one_is_trained(
    teacher: Variant,
    splits: dict[str, SplitFolder],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(candidates, "train_student", lambda *_: pytest.fail("one was trained"))
    settings = DistillSettings(
        depths=(0.67,), widths=(0.75,), attention_weight=1.0, relation_heads=32
    )
    with pytest.raises(InputError, match="32 relation heads do not divide the hidden size 48"):
        run(teacher, splits, plan_of(teacher, distill=settings), tmp_path)


def test_what_the_plan_names_and_is_no_student_is_on_record(
    teacher: Variant, splits: dict[str, SplitFolder], tmp_path: Path
) -> None:
    settings = DistillSettings(depths=(0.95,), widths=(0.01,))
    student = run(teacher, splits, plan_of(teacher, distill=settings), tmp_path)
    (step,) = student.manifest.lineage
    assert step.status == "skipped"
    assert step.reason.endswith(
        "; a depth of 0.95 leaves out none of 3 layers; a width of 0.01 leaves too little of "
        "3 layers x 64, 4 heads, feed-forward 256; give a larger one"
    )


def test_what_fits_nowhere_is_rejected_with_the_figures_of_the_closest(
    teacher: Variant, splits: dict[str, SplitFolder], tmp_path: Path
) -> None:
    # At this rate students learn nothing and lose what they were given.
    settings = DistillSettings(depths=(0.67,), widths=(0.5,), epochs=1, learning_rate=5.0)
    student = run(teacher, splits, plan_of(teacher, tolerance=0.01, distill=settings), tmp_path)
    (step,) = student.manifest.lineage
    assert step.status == "rejected"
    assert len(step.trials) == 2
    assert re.search(r"none of 2 students stayed within 0\.50%; the closest, .* -\d", step.reason)
    weights = "model.safetensors"
    assert (student.path / weights).read_bytes() == (teacher.path / weights).read_bytes()
