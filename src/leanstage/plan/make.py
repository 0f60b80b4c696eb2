"""From a model, its data, its load and what serves it to a plan."""

from pathlib import Path
from typing import Any

from leanstage.contracts import (
    GPU_BACKENDS,
    RANGE_BACKENDS,
    TECHNIQUES,
    AccuracyTest,
    DecisionTree,
    DistillSettings,
    HardwareProfile,
    Plan,
    PruneSettings,
    QuantizeSettings,
)
from leanstage.errors import InputError
from leanstage.plan.facts import Load, all_facts
from leanstage.plan.measured import measured_facts, nearest
from leanstage.plan.tree import load_tree
from leanstage.plan.walk import walk
from leanstage.prune.shape import Shape, target_shape
from leanstage.variant.architectures import family_of


def make_plan(
    folder: Path,
    *,
    baseline_digest: str | None,
    train_rows: int,
    unlabelled_rows: int,
    tolerance: float,
    hardware: HardwareProfile,
    load: Load | None = None,
    tree: DecisionTree | None = None,
    student: bool = False,
    accuracy_test: AccuracyTest | None = None,
) -> Plan:
    """Walk the tree over the facts at hand.

    Args:
        folder: the checkpoint to optimize; of its weights only the headers are read.
        baseline_digest: its content digest; None in a preview.
        train_rows: labelled rows to learn from.
        unlabelled_rows: further text to learn from.
        tolerance: accuracy that may be lost in all, as a share.
        hardware: what serves the model, with what calibration measured there.
        load: what is asked of it in production; None takes batches of eight.
        tree: None takes the one that ships.
        student: whether the run brings a checkpoint to distill into. It is tried whatever the tree
            says of students cut from the model: whoever brings one has asked for it.
        accuracy_test: what is to pass at the gate; None where nobody knows.

    Raises:
        InputError: the model cannot be optimized, the tree not be walked, or what it says not be
            done on this hardware or with these rows.
    """
    load = load or Load()
    tree = tree or load_tree()
    facts = all_facts(
        tree,
        folder,
        train_rows=train_rows,
        unlabelled_rows=unlabelled_rows,
        tolerance=tolerance,
        load=load,
        hardware=hardware,
    )
    gains = nearest(
        # Calibration times encoders; what writes spends its time otherwise, token by token.
        hardware.calibration if facts["task"] == "text-classification" else None,
        layers=facts["layers"],
        hidden_size=facts["hidden_size"],
        batch_size=load.batch_size,
    )
    facts |= measured_facts(gains)
    walked = walk(tree, facts, gains)
    distill, prune, quantize = (walked.settings[technique] for technique in TECHNIQUES)
    assert isinstance(distill, DistillSettings)
    assert isinstance(prune, PruneSettings)
    assert isinstance(quantize, QuantizeSettings)
    leaves = {answer.technique: str(answer.branch) for answer in walked.path}
    _refuse_too_much(prune, leaves["prune"], facts)
    _refuse_impossible(quantize, leaves["quantize"], train_rows, hardware)
    if student:
        distill = distill.model_copy(update={"student": True})
    return Plan(
        tree_version=tree.version,
        tree_sha256=tree.sha256(),
        facts=facts,
        path=walked.path,
        tolerance=tolerance,
        hardware=hardware,
        baseline_digest=baseline_digest,
        accuracy_test=accuracy_test,
        distill=distill,
        prune=prune,
        quantize=quantize,
    )


def _refuse_too_much(settings: PruneSettings, branch: str, facts: dict[str, Any]) -> None:
    """Of ratios of which some are too much for the model the others are tried.

    Raises:
        InputError: all of them leave too little of it.
    """
    family = family_of(facts["architecture"], where="the model")
    shape = Shape(
        layers=facts["layers"],
        hidden=facts["hidden_size"],
        heads=facts["heads"],
        kv_heads=facts["key_value_heads"],
        head_dim=facts["hidden_size"] // facts["heads"],
        intermediate=facts["intermediate_size"],
        tied=family.head_dim_key is None,
    )
    refused = ""
    for ratio in settings.ratios:
        try:
            target_shape(shape, ratio, settings.dimensions)
        except InputError as error:
            refused = refused or str(error).rstrip(".")
        else:
            return
    if refused:
        raise InputError(f"{refused} in branch {branch} of the decision tree.")


def _refuse_impossible(
    settings: QuantizeSettings, branch: str, train_rows: int, hardware: HardwareProfile
) -> None:
    """Quantization comes last: what it cannot do is said before anything is trained.

    Raises:
        InputError: a backend needs a GPU and there is none, or ranges from a single row.
    """
    for name in settings.backends:
        if name in GPU_BACKENDS and not hardware.accelerators:
            raise InputError(
                f"{name} runs on a GPU alone, and {hardware.name or hardware.cpu} has none that "
                f"PyTorch can use; take it out of branch {branch} of the decision tree, or name "
                "hardware with a GPU."
            )
        if name in RANGE_BACKENDS and train_rows == 1:
            raise InputError(
                f"{name} takes the ranges of activations from training text, and there is one row "
                f"of it, which shows no range; give more, or take it out of branch {branch} of the "
                "decision tree."
            )
