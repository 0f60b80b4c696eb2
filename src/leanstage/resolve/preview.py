"""A plan for a model without a run: nothing is registered, nothing is trained."""

import tempfile
from pathlib import Path

from leanstage.contracts import HardwareProfile, Plan
from leanstage.gate.policies import tree_override
from leanstage.plan import Load, load_tree, make_plan
from leanstage.registry.sources import fetch_model

AUTO = "auto"


def preview_plan(
    model: str,
    *,
    train_rows: int,
    unlabelled_rows: int,
    tolerance: float,
    hardware: HardwareProfile,
    load: Load,
    tree: Path | None = None,
) -> Plan:
    """The plan that a run would follow; of the weights only the headers are read.

    Args:
        tree: branches of an organization; None takes those of this installation, if it has any.

    Raises:
        InputError: the model cannot be used, or the branches make no tree.
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
            tree=load_tree(tree or tree_override()),
        )


def named_hardware(profile: str) -> HardwareProfile:
    """A hardware profile by its file or its name; ``auto`` is this machine, not calibrated.

    Raises:
        InputError: there is none.
    """
    if profile == AUTO:
        from leanstage.variant.hardware import hardware_profile

        return hardware_profile()
    if Path(profile).is_file():
        return HardwareProfile.load(profile)
    from leanstage.calibrate.profiles import find_profile

    return find_profile(profile)
