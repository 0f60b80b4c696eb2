"""The words a report uses for the terms of the contracts."""

from leanstage.contracts import (
    Arm,
    EnergyComparison,
    Precision,
    Role,
    Runtime,
    Status,
    Technique,
    Tier,
)
from leanstage.report.document import Tone

ROLE: dict[Role, str] = {
    "optimized": "Optimized candidate",
    "fallback": "Fallback candidate",
    "baseline": "Baseline",
}
TECHNIQUE: dict[Technique, str] = {
    "distill": "Distill",
    "prune": "Prune",
    "quantize": "Quantize",
}
STATUS_TONE: dict[Status, Tone] = {"applied": "good", "skipped": "quiet", "rejected": "warn"}
TIER: dict[Tier, str] = {
    "measured": "read from an energy counter of this hardware",
    "attributed": "a share of a wider energy counter, assigned to this work",
    "estimated": "computed from processor time and a power model, not read from a counter",
    "declared": "stated by someone, not measured here",
}


def form(runtime: Runtime, precision: Precision) -> str:
    """Runtime and precision of a model: ``onnxruntime int8``."""
    return f"{runtime} {precision}"


def arm_title(energy: EnergyComparison, name: str) -> str:
    """What the measured model form ``name`` is in this comparison."""
    if name == energy.registered.arm:
        return "Candidate"
    if name == energy.registered.against:
        both = energy.registered.against == energy.strongest.against
        return "Baseline as registered, also strongest" if both else "Baseline as registered"
    if name == energy.strongest.against:
        return "Strongest unoptimized form"
    if name == energy.control.arm:
        return "Candidate again, as a control"
    return name


def find_arm(energy: EnergyComparison, name: str) -> Arm | None:
    """The measured model form ``name``, or None where this comparison has none of that name."""
    return next((arm for arm in energy.arms if arm.name == name), None)
