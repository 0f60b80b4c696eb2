"""From a model and its data to a plan."""

from typing import Any

from leanstage.contracts import (
    TECHNIQUES,
    DistillSettings,
    HardwareProfile,
    Plan,
    PruneSettings,
    QuantizeSettings,
)
from leanstage.plan.tree import load_tree, walk
from leanstage.variant import Variant
from leanstage.variant.architectures import encoder_of
from leanstage.variant.checkpoint import read_config


def make_plan(
    baseline: Variant,
    *,
    train_rows: int,
    tolerance: float,
    hardware: HardwareProfile,
) -> Plan:
    """Walk the tree over the facts at hand.

    Args:
        train_rows: rows to learn from, labelled or not.
        tolerance: accuracy that may be lost in all, as a share.
    """
    facts = model_facts(baseline) | {
        "train_rows": train_rows,
        "tolerance": tolerance,
        "threads": hardware.threads,
        "features": list(hardware.features),
        "accelerators": len(hardware.accelerators),
    }
    tree = load_tree()
    path, settings = walk(tree, facts)
    distill, prune, quantize = (settings[technique] for technique in TECHNIQUES)
    assert isinstance(distill, DistillSettings)
    assert isinstance(prune, PruneSettings)
    assert isinstance(quantize, QuantizeSettings)
    return Plan(
        tree_version=tree.version,
        facts=facts,
        path=path,
        tolerance=tolerance,
        hardware=hardware,
        baseline_digest=baseline.digest,
        distill=distill,
        prune=prune,
        quantize=quantize,
    )


def model_facts(model: Variant) -> dict[str, Any]:
    """What the tree asks about a model."""
    config = read_config(model.path)
    encoder = encoder_of(model.manifest.architecture, where=str(model.path))
    return {
        "task": model.manifest.task,
        "architecture": model.manifest.architecture,
        "parameters": model.manifest.parameters,
        "labels": len(model.manifest.labels),
        "layers": config[encoder.depth_key],
        "intermediate_size": config[encoder.width_key],
    }
