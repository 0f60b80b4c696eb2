"""The step on a tiny trained model: what is measured is kept, refused or rejected with figures."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from leanstage.contracts import Plan
from leanstage.errors import InputError
from leanstage.quantize.bench import Bench, Fitting, Form, Verdict
from leanstage.quantize.step import leanest, quantize
from leanstage.tasks import SplitFolder, open_split, read_labelled, write_split
from leanstage.techniques.answers import Answers
from leanstage.variant import Variant, open_variant
from leanstage.variant.hardware import hardware_profile
from tests.conftest import write_rows

Planned = Callable[..., Plan]


def test_every_form_is_a_trial_and_the_leanest_that_fits_is_kept(
    baseline: Variant,
    answers: Answers,
    train: SplitFolder,
    validation: SplitFolder,
    plan: Planned,
    tmp_path: Path,
) -> None:
    backends = ("onnxruntime-int8", "onnxruntime-int8-static", "openvino-bf16", "torchao-int4")
    planned = plan(*backends, calibration_rows=64)
    variant = quantize(
        baseline,
        answers=answers,
        validation=validation,
        plan=planned,
        batch_size=8,
        target=tmp_path / "quantized",
        train=train,
    )
    (step,) = variant.manifest.lineage
    assert step.status == "applied", step.reason
    tried = [(t.settings["backend"], t.settings.get("calibration")) for t in step.trials]
    assert {name for name, _ in tried} == set(backends)
    static = [method for name, method in tried if name == "onnxruntime-int8-static"]
    assert sorted(static) == ["entropy", "min-max", "percentile"]
    (refused,) = (t for t in step.trials if t.settings["backend"] == "torchao-int4")
    assert refused.reason.startswith("does not run here: ")
    losing = [t for t in step.trials if t.reason.endswith(" loses less")]
    assert len(losing) == 2
    assert all(t.validation is not None and not t.fits for t in losing)
    fitting = [t for t in step.trials if t.fits]
    costs = {t.settings["backend"]: t.ms_per_answer or 0.0 for t in fitting}
    drops = {t.settings["backend"]: t.validation.probability_drop for t in fitting if t.validation}
    alike = [name for name, cost in costs.items() if cost * 0.95 <= min(costs.values())]
    assert step.settings["backend"] == min(alike, key=lambda name: drops[name])
    assert step.kept is not None
    assert step.kept.settings == step.settings
    assert step.output_ms_per_answer == costs[step.settings["backend"]]
    assert step.node == hardware_profile().kind()
    assert open_variant(variant.path).manifest.bytes < baseline.manifest.bytes


@pytest.mark.parametrize(
    ("forms", "best"),
    [
        ({"a": (1.0, 0.02)}, "a"),
        ({"a": (1.0, 0.01), "b": (0.97, 0.02)}, "a"),
        ({"a": (1.0, 0.02), "b": (0.97, 0.01)}, "b"),
        ({"a": (0.97, 0.02), "b": (1.0, 0.01)}, "b"),
        ({"a": (1.0, 0.01), "b": (0.97, 0.01)}, "a"),
        ({"a": (1.0, 0.0), "b": (0.94, 0.02)}, "b"),
        ({"a": (1.0, 0.0), "b": (0.97, 0.01), "c": (0.94, 0.02)}, "b"),
        ({"a": (1.0, 0.0), "b": (0.94, 0.02), "c": (0.93, -0.01)}, "c"),
    ],
)
def test_where_noise_would_decide_between_backends_their_loss_does(
    forms: dict[str, tuple[float, float]], best: str
) -> None:
    """Costs within a twentieth of the least are alike."""
    kept = {name: Fitting(cast("Form", name), *measured) for name, measured in forms.items()}
    assert leanest(list(kept.values()), 0.05) is kept[best]
    cheapest = min(kept.values(), key=lambda one: one.cost)
    assert leanest(list(kept.values()), 0.0) is cheapest, "told that no difference is noise"


def test_no_gain_measured_is_an_outcome_with_its_figures(
    baseline: Variant, answers: Answers, validation: SplitFolder, plan: Planned, tmp_path: Path
) -> None:
    variant = quantize(
        baseline,
        answers=answers,
        validation=validation,
        plan=plan("torch-bf16", min_gain=1.0),
        batch_size=8,
        target=tmp_path / "quantized",
    )
    (step,) = variant.manifest.lineage
    assert step.status == "rejected"
    assert step.reason.startswith("no quantization: none of 1 forms saved time")
    assert "the cheapest, torch-bf16, took " in step.reason
    (trial,) = step.trials
    assert trial.ms_per_answer
    assert f"{trial.ms_per_answer:.2f} ms" in step.reason
    assert step.node == hardware_profile().kind()
    assert variant.manifest.precision == "fp32"


def test_forms_without_training_text_or_without_a_gpu_are_not_built(
    baseline: Variant,
    answers: Answers,
    validation: SplitFolder,
    plan: Planned,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def build(*_: object) -> None:
        raise AssertionError("nothing is built where it cannot be had")

    monkeypatch.setattr("leanstage.quantize.bench.Bench.build", build)
    variant = quantize(
        baseline,
        answers=answers,
        validation=validation,
        plan=plan("onnxruntime-int8-static", "torchao-int4"),
        batch_size=8,
        target=tmp_path / "quantized",
    )
    (step,) = variant.manifest.lineage
    assert step.status == "rejected"
    static, gpu = (trial.reason for trial in step.trials)
    assert static == (
        "does not run here: takes its ranges from training text, and the step was given none"
    )
    assert "torchao" in gpu or "GPU" in gpu
    assert "onnxruntime-int8-static does not run here" in step.reason


def test_one_row_shows_no_range(
    baseline: Variant, answers: Answers, validation: SplitFolder, plan: Planned, tmp_path: Path
) -> None:
    rows = read_labelled(
        str(write_rows(tmp_path / "one.jsonl", [("a moving film", "positive")])),
        ("negative", "positive"),
        split="unlabelled",
    )
    write_split(tmp_path / "one", rows, split="unlabelled", labels=())
    with pytest.raises(InputError, match="there is one row of it, which shows no range"):
        quantize(
            baseline,
            answers=answers,
            validation=validation,
            plan=plan("onnxruntime-int8-static"),
            batch_size=8,
            target=tmp_path / "quantized",
            train=open_split(tmp_path / "one"),
        )
    assert not (tmp_path / "quantized").exists()


def test_ranges_are_taken_from_all_over_the_rows(
    baseline: Variant,
    answers: Answers,
    train: SplitFolder,
    validation: SplitFolder,
    plan: Planned,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Rows often come sorted by class, and those of one class show its ranges alone."""
    seen: list[str] = []

    def build(bench: Bench, *_: object) -> None:
        seen.extend(bench.texts)
        raise KernelError("built nothing")

    monkeypatch.setattr(Bench, "build", build)
    order = sorted(range(len(train.texts)), key=train.labels.__getitem__)
    texts = [train.texts[row] for row in order]
    quantize(
        baseline,
        answers=answers,
        validation=validation,
        plan=plan("onnxruntime-int8-static", calibration_rows=16),
        batch_size=8,
        target=tmp_path / "quantized",
        train=replace(train, texts=texts, labels=[train.labels[row] for row in order]),
    )
    classes = [train.labels[train.texts.index(text)] for text in seen]
    assert len(classes) == 16
    assert 6 <= sum(classes) <= 10


class KernelError(Exception):
    """As libraries have them: without a base that says what it is."""


@pytest.mark.parametrize(
    ("int8_cost", "outcome", "searched"),
    [(2.0, "none", False), (0.5, "none", True), (0.5, "raises", True)],
)
def test_sensitive_layers_are_looked_for_where_that_could_still_be_cheapest(
    int8_cost: float,
    outcome: str,
    searched: bool,
    baseline: Variant,
    answers: Answers,
    validation: SplitFolder,
    plan: Planned,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def costs(bench: Bench, forms: dict[str, Form]) -> dict[str, float]:
        bench.input_cost = 4.0
        return {name: {"onnxruntime-int8": int8_cost}.get(name, 1.0) for name in forms}

    def judge(_: Bench, form: Form) -> Verdict:
        return Verdict(form.backend == "torch-bf16", "as the test says")

    def keep(_: Bench, form: Form) -> None:
        asked.append(form.backend)
        if outcome == "raises":
            raise KernelError("no kernel for that\nand more")

    monkeypatch.setattr(Bench, "costs", costs)
    monkeypatch.setattr(Bench, "judge", judge)
    monkeypatch.setattr("leanstage.quantize.step.keep_sensitive", keep)
    variant = quantize(
        baseline,
        answers=answers,
        validation=validation,
        plan=plan("onnxruntime-int8", "torch-bf16"),
        batch_size=8,
        target=tmp_path / "quantized",
    )
    (step,) = variant.manifest.lineage
    assert step.settings["backend"] == "torch-bf16"
    assert asked == ["onnxruntime-int8"] * searched
    told = [t.reason for t in step.trials if "no kernel" in t.reason]
    assert told == ["does not run here: KernelError: no kernel for that"] * (outcome == "raises")


def test_a_form_that_fails_when_it_is_asked_is_a_trial(
    baseline: Variant,
    answers: Answers,
    validation: SplitFolder,
    plan: Planned,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("N must be divisible")

    monkeypatch.setattr("leanstage.variant.predictor.OnnxPredictor.predict", refuse)
    variant = quantize(
        baseline,
        answers=answers,
        validation=validation,
        plan=plan("onnxruntime-int8"),
        batch_size=8,
        target=tmp_path / "quantized",
    )
    (step,) = variant.manifest.lineage
    (trial,) = step.trials
    assert trial.reason == "does not run here: AssertionError: N must be divisible"
    assert step.status == "rejected"
