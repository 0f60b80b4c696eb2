"""From a folder, a hardware profile and a load to a plan that says what it rests on."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from leanstage.contracts import (
    GPU_BACKENDS,
    Calibration,
    DecisionTree,
    Gain,
    HardwareProfile,
    Plan,
)
from leanstage.errors import InputError
from leanstage.plan import Load, evidence, load_tree, make_plan
from leanstage.plan.facts import gpu_compute, model_facts
from leanstage.variant.architectures import FAMILIES
from tests.plan.cases import gain

Checkpoint = Callable[[str], Path]
TINY = "3x64"


def profile(*gains: Gain, **fields: Any) -> HardwareProfile:
    calibration = Calibration(
        measured="2026-11-26T10:00:00+00:00",
        unit="CPU-seconds per answer",
        versions={},
        seconds=1.0,
        gains=gains,
    )
    defaults: dict[str, Any] = {"cpu": "x", "threads": 2, "memory_bytes": 1}
    return HardwareProfile(
        **defaults | {"calibration": calibration if gains else None} | fields,
    )


def planned(folder: Path, hardware: HardwareProfile, **changes: Any) -> Plan:
    given: dict[str, Any] = {
        "baseline_digest": None,
        "train_rows": 6000,
        "unlabelled_rows": 6000,
        "tolerance": 0.01,
        "hardware": hardware,
    }
    return make_plan(folder, **given | changes)


def branches(plan: Plan) -> list[str | None]:
    return [answer.branch for answer in plan.path]


ENCODERS = sorted(name for name, row in FAMILIES.items() if row.task == "text-classification")


@pytest.mark.parametrize("family", ENCODERS)
def test_the_facts_of_a_model_are_those_that_the_library_loads(
    checkpoint: Checkpoint, family: str
) -> None:
    from transformers import AutoModelForSequenceClassification

    facts = model_facts(checkpoint(family))
    model = AutoModelForSequenceClassification.from_pretrained(checkpoint(family))
    assert facts["parameters"] == sum(weight.numel() for weight in model.parameters())
    assert facts["labels"] == model.config.num_labels
    assert facts["layers"] == model.config.num_hidden_layers == 3
    assert facts["hidden_size"] == model.config.hidden_size == 64
    assert facts["heads"] == model.config.num_attention_heads == 4
    assert facts["intermediate_size"] == 256
    assert facts["architecture"] == family


def _config(**changes: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / "config.json"
        fields = {**json.loads(path.read_text()), **changes}
        path.write_text(json.dumps({k: v for k, v in fields.items() if v is not None}))

    return change


def _weights(data: bytes) -> Callable[[Path], None]:
    return lambda folder: (folder / "model.safetensors").write_bytes(data) and None


BROKEN: dict[str, tuple[Callable[[Path], None], str]] = {
    "no weights": (lambda f: (f / "model.safetensors").unlink(), r"holds no model\.safetensors"),
    "empty weights": (_weights(b""), "cannot be read as safetensors"),
    "a header without end": (_weights(b"\xff" * 64), "cannot be read as safetensors: its header"),
    "no JSON": (_weights(b"\x04" + bytes(7) + b"nope"), "cannot be read as safetensors"),
    "no mapping": (_weights(b"\x02" + bytes(7) + b"[]"), "cannot be read as safetensors"),
    "no tensors": (_weights(b"\x09" + bytes(7) + b'{"a": {}}'), "cannot be read as safetensors"),
    "a nested header": (_weights(b"\x40\x42\x0f" + bytes(5) + b"[" * 10**6), "as safetensors"),
    "a nested config": (
        lambda f: (f / "config.json").write_text("[" * 10**6) and None,
        "config.json cannot be read as JSON",
    ),
    "labels that are none": (_config(id2label=5), "has 5 for id2label"),
    "an architecture that is none": (_config(architectures=5), "has 5 for architectures"),
    "one architecture": (_config(architectures="BertForX"), "has 'BertForX' for architectures"),
    "no layers": (_config(num_hidden_layers=0), "'layers' is never 0; it goes from 1 up"),
    "fewer than none": (_config(num_hidden_layers=-3), "'layers' is never -3; it goes from 1 up"),
    "a width without end": (_config(hidden_size=10**400), r"'hidden_size' is never 1000+\.\.\.0+;"),
    "a truth for layers": (_config(num_hidden_layers=True), "and True is none"),
    "no classifier": (_config(architectures=["BertForMaskedLM"]), "is a BertForMaskedLM"),
    "no depth": (_config(num_hidden_layers=None), "does not say num_hidden_layers"),
    "another family": (_config(model_type="gpt2"), "'gpt2', which leanstage cannot optimize"),
    "another task": (
        _config(model_type="llama"),
        "is a BertFor.*of this family leanstage optimizes",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_no_checkpoint_is_refused(
    checkpoint: Checkpoint, tmp_path: Path, case: str
) -> None:
    change, sentence = BROKEN[case]
    folder = shutil.copytree(checkpoint("bert"), tmp_path / "model")
    change(folder)
    with pytest.raises(InputError, match=sentence):
        planned(folder, profile(gain("half-depth", 0.5, shape=TINY)))


@pytest.mark.parametrize(
    "given",
    [
        {"train_rows": 10**400, "load": Load(request_rate=1.0)},
        {"unlabelled_rows": 10**400},
        {"load": Load(batch_size=10**400)},
        {"load": Load(request_rate=1e308)},
    ],
)
def test_numbers_out_of_all_bounds_are_refused(
    checkpoint: Checkpoint, given: dict[str, Any]
) -> None:
    with pytest.raises(InputError, match="the decision tree cannot be walked"):
        planned(checkpoint("bert"), profile(gain("half-depth", 0.5, shape=TINY)), **given)


def test_without_calibration_every_answer_rests_on_a_rule(checkpoint: Checkpoint) -> None:
    plan = planned(checkpoint("bert"), profile(features=("avx512_bf16",)))
    assert {answer.basis for answer in plan.path} == {"rule"}
    assert not any(answer.gains for answer in plan.path)
    assert branches(plan)[-1] == "quantize.cpu-bf16"
    assert plan.quantize.backends == (
        "onnxruntime-int8",
        "openvino-int8",
        "openvino-bf16",
        "torch-bf16",
    )
    assert plan.tree_sha256 is not None


def test_what_was_measured_counts_for_more_and_is_named(checkpoint: Checkpoint) -> None:
    hardware = profile(
        gain("torch-bf16", 0.20, 0.22, shape=TINY),
        gain("onnxruntime-int8", 0.30, 0.33, shape=TINY),
        gain("bitsandbytes-int8", 2.9, 3.4, shape=TINY),
        gain("half-depth", 0.50, 0.54, shape=TINY),
        gain("half-width", 0.70, 0.74, shape=TINY),
        gain("sparsity-unstructured", 0.99, 1.02, shape=TINY),
        gain("sparsity-2:4", 0.98, 1.02, shape=TINY),
    )
    plan = planned(checkpoint("bert"), hardware)
    # What calibration did not try follows, and is measured by the step itself.
    assert plan.quantize.backends[:3] == ("torch-bf16", "onnxruntime-int8", "openvino-int8")
    assert "bitsandbytes-int8" not in plan.quantize.backends
    answers = {answer.branch: answer for answer in plan.path}
    leaf = answers["quantize.measured"]
    assert leaf.basis == "measured"
    assert leaf.left_out == ("bitsandbytes-int8",)
    assert {each.form: each.ratio for each in leaf.gains}["bitsandbytes-int8"] == 3.15
    for branch, form in {
        "distill.measured-gain": "half-depth",
        "prune.measured-gain": "half-width",
        "prune.sparsity-measured": "sparsity-unstructured",
    }.items():
        assert answers[branch].basis == "measured"
        assert answers[branch].gains[0].form == form
    assert answers["distill.shallow"].basis == "rule"


def test_what_gains_nothing_is_not_tried(checkpoint: Checkpoint) -> None:
    hardware = profile(
        *(gain(form, 0.98, 1.1, shape=TINY) for form in ("half-depth", "half-width")),  # type: ignore[arg-type]
        gain("torch-bf16", 1.4, 1.6, shape=TINY),
    )
    plan = planned(checkpoint("bert"), hardware, load=Load(serving="vllm"))
    assert branches(plan)[-1] == "quantize.vllm"
    assert plan.path[-1].answer == (
        "Try none of the forms; calibration found none that gains here."
    )
    assert (plan.distill.depths, plan.prune.ratios, plan.quantize.backends) == ((), (), ())
    assert plan.path[-1].left_out == ("torch-bf16",)


def test_what_was_measured_and_decides_nothing_is_shown_beside_the_rule(
    checkpoint: Checkpoint,
) -> None:
    undecided = gain("half-depth", 0.9, 1.1, shape=TINY)
    failed = Gain(form="half-width", shape=TINY, batch_size=8, error="no kernel")
    plan = planned(checkpoint("bert"), profile(undecided, failed))
    answers = {answer.branch: answer for answer in plan.path}
    for branch, measured in {
        "distill.assumed-gain": undecided,
        "prune.assumed-gain": failed,
    }.items():
        assert answers[branch].basis == "rule"
        assert answers[branch].gains == (measured,)


NO_LIBRARY = Gain(form="bitsandbytes-int8", shape=TINY, batch_size=8, error="No module named 'x'.")


def test_what_could_not_be_measured_is_not_tried_and_the_plan_says_why(
    checkpoint: Checkpoint,
) -> None:
    hardware = profile(
        NO_LIBRARY, *(gain(form, 0.5, shape=TINY) for form in ("torch-bf16", "onnxruntime-int8"))
    )
    plan = planned(checkpoint("bert"), hardware)
    assert branches(plan)[-1] == "quantize.measured"
    assert plan.quantize.backends[:2] == ("onnxruntime-int8", "torch-bf16")
    assert "bitsandbytes-int8" not in plan.quantize.backends
    assert evidence(plan.path[-1])[-2:] == [
        "bitsandbytes-int8 could not be measured at 3x64, batches of 8: No module named 'x'.",
        "Left out, as it could not be measured here: bitsandbytes-int8.",
    ]


def test_one_measured_form_leaves_the_rules_about_the_others_standing(
    checkpoint: Checkpoint,
) -> None:
    hardware = profile(gain("onnxruntime-int8", 0.3, shape=TINY), features=("avx2",))
    plan = planned(checkpoint("bert"), hardware)
    assert branches(plan)[-1] == "quantize.cpu"
    assert "torch-bf16" not in plan.quantize.backends


def test_a_calibration_of_models_unlike_this_one_is_left_aside(checkpoint: Checkpoint) -> None:
    hardware = profile(gain("torch-bf16", 3.0, shape="12x768"), gain("half-depth", 1.0))
    assert {answer.basis for answer in planned(checkpoint("bert"), hardware).path} == {"rule"}


def test_few_answers_do_not_pay_the_training_back(checkpoint: Checkpoint) -> None:
    rate = 10 * 12_000 / (365.25 * 24 * 3600)
    plan = planned(checkpoint("bert"), profile(), load=Load(request_rate=rate))
    assert plan.facts["answers_per_row"] == pytest.approx(10)
    assert "distill.no-payback" in branches(plan)
    assert "prune.no-payback" in branches(plan)
    more = planned(checkpoint("bert"), profile(), load=Load(request_rate=2 * rate))
    assert more.distill.depths
    assert more.prune.ratios


def test_a_student_that_was_brought_is_tried_whatever_the_tree_says(checkpoint: Checkpoint) -> None:
    folder = checkpoint("bert")
    few = {"train_rows": 300, "unlabelled_rows": 0}
    assert not planned(folder, profile(), **few).distill.student
    brought = planned(folder, profile(), **few, student=True)
    assert brought.distill.student
    assert brought.distill.depths == ()


def test_labelled_and_unlabelled_rows_count_together(checkpoint: Checkpoint) -> None:
    plan = planned(checkpoint("bert"), profile(), train_rows=300, unlabelled_rows=300)
    assert plan.facts["learning_rows"] == 600
    assert "distill.ready" in branches(plan)
    plan = planned(checkpoint("bert"), profile(), train_rows=300, unlabelled_rows=0)
    assert "distill.little-text" in branches(plan)
    none = planned(checkpoint("bert"), profile(), train_rows=0, unlabelled_rows=0)
    assert none.facts["answers_per_row"] is None


LABELS = {"nvidia.com/gpu.compute.major": "7", "nvidia.com/gpu.compute.minor": "5"}


def test_the_generation_of_a_gpu_comes_from_the_labels_of_its_node(checkpoint: Checkpoint) -> None:
    old = profile(accelerators=("Tesla T4",), labels=LABELS)
    assert gpu_compute(old) == 7.5
    assert gpu_compute(profile(labels={"nvidia.com/gpu.compute.major": "x"})) is None
    assert branches(planned(checkpoint("bert"), old))[-1] == "quantize.old-gpu"
    new = profile(accelerators=("NVIDIA H100",))
    assert branches(planned(checkpoint("bert"), new))[-1] == "quantize.gpu"
    large = planned(checkpoint("bert"), new, load=Load(batch_size=32))
    assert large.quantize.backends[:2] == ("torch-bf16", "bitsandbytes-int8")


def test_a_feature_that_no_rule_knows_is_left_aside(checkpoint: Checkpoint) -> None:
    plan = planned(checkpoint("bert"), profile(features=("sve2", "avx2")))
    assert plan.facts["features"] == ("avx2",)


def test_a_plan_survives_the_disk(checkpoint: Checkpoint, tmp_path: Path) -> None:
    plan = planned(checkpoint("bert"), profile(gain("half-depth", 0.5, shape=TINY)))
    assert Plan.load(plan.save(tmp_path / "plan.json")).path == plan.path


def test_one_row_gives_no_ranges_and_is_refused_before_any_training(checkpoint: Checkpoint) -> None:
    given: dict[str, Any] = {"unlabelled_rows": 0, "load": Load(serving="onnxruntime")}
    with pytest.raises(InputError, match=r"int8-static .* one row .* branch quantize\.onnxruntime"):
        planned(checkpoint("bert"), profile(), train_rows=1, **given)
    for rows in (0, 2):
        plan = planned(checkpoint("bert"), profile(), train_rows=rows, **given)
        assert "onnxruntime-int8-static" in plan.quantize.backends


def test_a_gpu_backend_is_refused_for_a_processor(checkpoint: Checkpoint) -> None:
    tree = load_tree().model_dump(mode="json")
    questions = {each["id"]: each for each in tree["techniques"][-1]["questions"]}
    for branch in questions["quantize.hardware"]["branches"]:
        branch["settings"] = {"backends": ["torchao-int4"]}
    own = DecisionTree.model_validate(tree)
    with pytest.raises(InputError, match=r"torchao-int4 runs on a GPU alone, and pool has none"):
        planned(checkpoint("bert"), profile(name="pool"), tree=own)
    gpu = profile(name="pool", accelerators=("NVIDIA H200",))
    assert planned(checkpoint("bert"), gpu, tree=own).quantize.backends == ("torchao-int4",)


@pytest.mark.parametrize(
    ("ratios", "refused"), [([0.97], True), ([0.97, 0.95], True), ([0.97, 0.5], False)]
)
def test_ratios_that_all_leave_no_head_are_refused_before_any_training(
    ratios: list[float], refused: bool, checkpoint: Checkpoint
) -> None:
    tree = load_tree().model_dump(mode="json")
    questions = {each["id"]: each for each in tree["techniques"][1]["questions"]}
    for branch in questions["prune.ratio"]["branches"]:
        branch["settings"] = {"ratios": ratios, "dimensions": ["heads"]}
    own = DecisionTree.model_validate(tree)
    if not refused:
        assert planned(checkpoint("bert"), profile(), tree=own).prune.ratios == tuple(ratios)
        return
    sentence = r"ratio 0\.97 does not leave a head of 4; give a smaller one in branch prune\.\S+ of"
    with pytest.raises(InputError, match=sentence):
        planned(checkpoint("bert"), profile(), tree=own)


def test_no_branch_for_a_processor_names_a_gpu_backend() -> None:
    for question in load_tree().techniques[-1].questions:
        for branch in question.branches:
            if "accelerators" not in branch.when and branch.settings is not None:
                assert not GPU_BACKENDS & set(branch.settings["backends"]), branch.id
