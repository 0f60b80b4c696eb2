"""A plan for a model without a run: nothing is registered, nothing is trained."""

import tempfile
from pathlib import Path

from leanstage.contracts import DecisionTree, HardwareProfile, Plan
from leanstage.plan.facts import Load
from leanstage.plan.make import make_plan
from leanstage.registry.sources import fetch_model


def preview_plan(
    model: str,
    *,
    train_rows: int,
    unlabelled_rows: int,
    tolerance: float,
    hardware: HardwareProfile,
    load: Load,
    tree: DecisionTree,
) -> Plan:
    """The plan that a run would follow; of the weights only the headers are read.

    Args:
        model: a folder or URI, as :func:`leanstage.registry.sources.fetch_model` takes it.

    Raises:
        InputError: the model cannot be used; see :func:`leanstage.plan.make_plan`.
    """
    with tempfile.TemporaryDirectory(prefix="leanstage-plan-") as scratch:
        folder, _ = fetch_model(model, Path(scratch) / "model")
        return make_plan(
            folder,
            baseline_digest=None,
            train_rows=train_rows,
            unlabelled_rows=unlabelled_rows,
            tolerance=tolerance,
            hardware=hardware,
            load=load,
            tree=tree,
        )
