"""The three technique steps on a tiny trained model: applied, skipped, rejected."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from leanstage.contracts import (
    AccuracyTest,
    DistillSettings,
    HardwareProfile,
    Plan,
    PruneSettings,
    QuantizeSettings,
    ValidationFigures,
)
from leanstage.distill.step import distill
from leanstage.errors import InputError
from leanstage.prune.step import prune
from leanstage.quantize.step import quantize
from leanstage.tasks import Examples, SplitFolder, open_split, write_split
from leanstage.tasks.figures import validation_figures
from leanstage.techniques.answers import Answers, ask, load_answers
from leanstage.techniques.search import Budget, limit_of
from leanstage.variant import Variant, open_variant
from leanstage.variant.adopt import adopt

LABELS = ("negative", "positive")


@pytest.fixture
def baseline(tiny_checkpoint: Callable[[str], Path], tmp_path: Path) -> Variant:
    return adopt(tiny_checkpoint("bert"), tmp_path / "baseline")


@pytest.fixture
def splits(tmp_path: Path, data: dict[str, Path]) -> dict[str, SplitFolder]:
    from leanstage.tasks import hold_out, read_labelled

    rows = read_labelled(str(data["train"]), LABELS, split="train")
    train, validation = hold_out(rows, share=0.3, seed=1)
    write_split(tmp_path / "t", train, split="train", labels=LABELS)
    write_split(tmp_path / "v", validation, split="validation", labels=LABELS)
    write_split(tmp_path / "u", Examples([], [], "none"), split="unlabelled", labels=())
    return {
        "train": open_split(tmp_path / "t"),
        "validation": open_split(tmp_path / "v"),
        "unlabelled": open_split(tmp_path / "u"),
    }


def answers_of(baseline: Variant, splits: dict[str, SplitFolder]) -> Answers:
    return ask(baseline, validation=splits["validation"], train=splits["train"])


def plan_of(baseline: Variant, *, tolerance: float = 0.05, **settings: object) -> Plan:
    return Plan(
        tree_version="1",
        facts={},
        path=(),
        tolerance=tolerance,
        hardware=HardwareProfile(cpu="x", threads=2, memory_bytes=1),
        baseline_digest=baseline.digest,
        **settings,  # type: ignore[arg-type]
    )


def test_distill_applies_the_shallowest_student_that_fits(
    baseline: Variant, splits: dict[str, SplitFolder], tmp_path: Path
) -> None:
    settings = DistillSettings(depths=(0.67,), epochs=4, learning_rate=1e-3)
    plan = plan_of(baseline, distill=settings)
    student = distill(
        baseline, plan=plan, target=tmp_path / "student", answers_file=tmp_path / "a", **splits
    )
    (step,) = student.manifest.lineage
    assert step.status == "applied", step.reason
    assert step.parent_digest == baseline.digest
    assert student.manifest.parameters < baseline.manifest.parameters
    assert step.trials[0].validation is not None
    for cost in (step.input_ms_per_answer, step.output_ms_per_answer):
        assert cost is not None
        assert cost > 0
    assert open_variant(student.path).digest == student.digest


def test_distill_rejects_what_loses_too_much_and_passes_the_teacher_on(
    baseline: Variant, splits: dict[str, SplitFolder], tmp_path: Path
) -> None:
    # At this rate the student learns nothing and loses what it was given.
    settings = DistillSettings(depths=(0.34,), epochs=1, learning_rate=5.0)
    plan = plan_of(baseline, tolerance=0.0, distill=settings)
    student = distill(
        baseline, plan=plan, target=tmp_path / "student", answers_file=tmp_path / "a", **splits
    )
    (step,) = student.manifest.lineage
    assert step.status == "rejected"
    assert len(step.trials) == 1
    assert not step.trials[0].fits
    weights = "model.safetensors"
    assert (student.path / weights).read_bytes() == (baseline.path / weights).read_bytes()


@pytest.mark.parametrize("rows", [30, 100_000])
def test_distill_keeps_no_student_that_the_gate_could_not_clear_on_so_many_rows(
    rows: int, baseline: Variant, splits: dict[str, SplitFolder], tmp_path: Path
) -> None:
    settings = DistillSettings(depths=(0.67,), epochs=4, learning_rate=1e-3)
    test = AccuracyTest(rows=rows, margin=0.1, confidence=0.975)
    plan = plan_of(baseline, distill=settings, accuracy_test=test)
    student = distill(
        baseline, plan=plan, target=tmp_path / "student", answers_file=tmp_path / "a", **splits
    )
    (step,) = student.manifest.lineage
    (trial,) = step.trials
    assert "within the limit" in trial.reason
    assert (step.status == "applied") == trial.fits == (rows > 30)
    assert trial.fits or "the gate's 30 evaluation rows could not rule out" in trial.reason


def test_pruning_is_held_against_the_gate_as_well_and_a_form_of_numbers_is_not(
    baseline: Variant, splits: dict[str, SplitFolder], tmp_path: Path
) -> None:
    plan = plan_of(
        baseline,
        prune=PruneSettings(ratios=(0.5,), epochs=4, learning_rate=1e-3),
        quantize=QuantizeSettings(backends=("onnxruntime-int8",), min_gain=0.0),
        accuracy_test=AccuracyTest(rows=30, margin=0.1, confidence=0.975),
    )
    given = {"answers": answers_of(baseline, splits), "validation": splits["validation"]}
    pruned = prune(baseline, plan=plan, target=tmp_path / "pruned", **given)
    (step,) = pruned.manifest.lineage
    assert step.status == "rejected"
    assert step.reason.startswith("none of 1 shapes fits; the closest, ")
    assert "the gate's 30 evaluation rows could not rule out" in step.reason
    quantized = quantize(
        baseline,
        train=splits["train"],
        batch_size=8,
        plan=plan,
        target=tmp_path / "quantized",
        **given,
    )
    assert quantized.manifest.lineage[0].trials[0].fits


def test_prune_halves_the_width_and_recovers(
    baseline: Variant, splits: dict[str, SplitFolder], tmp_path: Path
) -> None:
    settings = PruneSettings(ratios=(0.5,), epochs=4, learning_rate=1e-3)
    plan = plan_of(baseline, prune=settings)
    pruned = prune(
        baseline,
        answers=answers_of(baseline, splits),
        validation=splits["validation"],
        plan=plan,
        target=tmp_path / "pruned",
    )
    (step,) = pruned.manifest.lineage
    assert step.status == "applied", step.reason
    assert step.settings["intermediate"] == 128


def test_prune_tries_the_ratio_it_is_given_instead_of_the_plan(
    baseline: Variant, splits: dict[str, SplitFolder], tmp_path: Path
) -> None:
    given = {
        "answers": answers_of(baseline, splits),
        "validation": splits["validation"],
        "plan": plan_of(baseline, prune=PruneSettings(ratios=(0.5,), epochs=1)),
        "target": tmp_path / "pruned",
    }
    (step,) = prune(baseline, ratio=0.25, **given).manifest.lineage
    assert [trial.settings["intermediate"] for trial in step.trials] == [192]
    with pytest.raises(InputError, match="the ratio 1 is no share of a model"):
        prune(baseline, ratio=1.0, **given)


@pytest.mark.parametrize("technique", ["distill", "prune", "quantize"])
def test_a_technique_the_plan_leaves_out_is_a_recorded_skip(
    technique: str, baseline: Variant, splits: dict[str, SplitFolder], tmp_path: Path
) -> None:
    plan, target = plan_of(baseline), tmp_path / "out"
    if technique == "distill":
        variant = distill(baseline, plan=plan, target=target, answers_file=tmp_path / "a", **splits)
    elif technique == "prune":
        variant = prune(
            baseline,
            answers=answers_of(baseline, splits),
            validation=splits["validation"],
            plan=plan,
            target=target,
        )
    else:
        variant = quantize(
            baseline,
            answers=answers_of(baseline, splits),
            validation=splits["validation"],
            plan=plan,
            batch_size=8,
            target=target,
        )
    (step,) = variant.manifest.lineage
    assert (step.technique, step.status) == (technique, "skipped")
    assert variant.digest != baseline.digest, "the record is part of the content"


def test_the_budget_passes_on_what_is_left_and_never_exceeds_the_tolerance() -> None:
    limits = [limit_of(t, 0.01) for t in ("distill", "prune", "quantize")]  # type: ignore[arg-type]
    assert limits == [0.005, 0.01, 0.01]


def test_figures_against_a_table_worked_out_by_hand() -> None:
    """Both models are as sure of their answers (0.75 on average), so nothing is rescaled."""
    reference = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]], dtype=np.float32)
    model = np.array([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4], [0.3, 0.7]], dtype=np.float32)
    figures = validation_figures(model, reference, [0, 1, 1, 1])
    assert figures.accuracy == 0.5
    assert figures.reference_accuracy == 0.75
    drops = [0.0, 0.6, 0.0, 0.0]
    assert figures.probability_drop == pytest.approx(np.mean(drops), abs=1e-6)
    assert figures.probability_drop_se == pytest.approx(np.std(drops, ddof=1) / 2, abs=1e-6)
    assert figures.discordant == 0.25


def test_answers_that_differ_and_are_both_wrong_do_not_turn() -> None:
    classes = np.eye(3, dtype=np.float32)
    model, reference = classes[[0, 1, 2, 0]], classes[[0, 1, 1, 1]]
    assert validation_figures(model, reference, [0, 1, 0, 0]).discordant == 0.25


def test_a_model_that_is_only_less_sure_loses_nothing() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(200, 2)) * 3
    sure = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    timid = np.exp(logits / 2) / np.exp(logits / 2).sum(1, keepdims=True)
    figures = validation_figures(timid, sure, [0] * 200)
    assert figures.accuracy_drop == 0
    assert figures.probability_drop == pytest.approx(0, abs=1e-6)


def test_a_loss_weighs_the_same_however_unsure_a_baseline_is_that_is_often_right() -> None:
    """At a tenth of the distance between logits a point of the probability would be nothing."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 5, 400)
    reference = 4 * np.eye(5)[truth] + rng.normal(size=(400, 5))
    model = reference + rng.normal(size=(400, 5))

    def figures(scale: float) -> ValidationFigures:
        ours, theirs = (np.exp(scale * logits) for logits in (model, reference))
        pair = [(p / p.sum(1, keepdims=True)).astype(np.float32) for p in (ours, theirs)]
        assert pair[1].max(axis=1).mean() < (pair[1].argmax(axis=1) == truth).mean()
        return validation_figures(*pair, truth.tolist())

    timid, bold = figures(0.1), figures(0.4)
    assert bold.probability_drop > 0.01
    assert timid.probability_drop == pytest.approx(bold.probability_drop, abs=1e-4)
    assert timid.probability_drop_se == pytest.approx(bold.probability_drop_se, abs=1e-4)
    assert timid.probability_drop == pytest.approx(timid.accuracy_drop, abs=0.02)


def test_the_budget_judges_by_the_probability_of_the_truth() -> None:
    figures = ValidationFigures(
        n=100,
        accuracy=0.8,
        reference_accuracy=0.8,
        accuracy_drop=0.0,
        probability_drop=0.006,
        probability_drop_se=0.001,
    )
    fits, reason = Budget(limit_of("distill", 0.01)).judge(figures, "label")
    assert not fits
    assert "true-class probability -0.60%" in reason
    assert "on 100 validation rows, beyond the limit of 0.50%" in reason
    _, reason = Budget(limit_of("distill", 0.01)).judge(figures, "text")
    assert "true-token probability -0.60%" in reason
    assert "on 100 validation tokens, beyond" in reason


def test_answers_come_back_as_they_were_and_only_for_their_teacher(
    baseline: Variant,
    splits: dict[str, SplitFolder],
    tmp_path: Path,
    tiny_checkpoint: Callable[[str], Path],
) -> None:
    answers = answers_of(baseline, splits)
    answers.save(tmp_path / "answers")
    again = load_answers(tmp_path / "answers", baseline)
    assert answers.taught is not None
    assert again.taught is not None
    assert again.taught.ids == answers.taught.ids
    np.testing.assert_array_equal(again.taught.logits, answers.taught.logits)
    np.testing.assert_array_equal(again.validation, answers.validation)
    other = adopt(tiny_checkpoint("distilbert"), tmp_path / "other")
    with pytest.raises(InputError, match="answers of another model"):
        load_answers(tmp_path / "answers", other)
    for name in ("kind", "lengths", "logits", "apart"):
        kept = (tmp_path / "answers" / f"{name}.npy").rename(tmp_path / name)
        with pytest.raises(InputError, match=f"not hold a teacher's answers as a whole .*{name}"):
            load_answers(tmp_path / "answers", baseline)
        kept.rename(tmp_path / "answers" / f"{name}.npy")
