"""A plan for a model without a run: nothing is registered, nothing is trained."""

import tempfile
from pathlib import Path

from leanstage.contracts import Plan
from leanstage.plan import make_plan
from leanstage.registry.sources import fetch_model
from leanstage.variant.adopt import adopt
from leanstage.variant.hardware import hardware_profile


def preview_plan(model: str, *, train_rows: int, tolerance: float) -> Plan:
    """The plan that a run on this machine would follow.

    Raises:
        InputError: the model cannot be used.
    """
    with tempfile.TemporaryDirectory(prefix="leanstage-plan-") as scratch:
        folder, _ = fetch_model(model, Path(scratch) / "model")
        baseline = adopt(folder, Path(scratch) / "baseline")
        return make_plan(
            baseline,
            train_rows=train_rows,
            tolerance=tolerance,
            hardware=hardware_profile(),
        )
