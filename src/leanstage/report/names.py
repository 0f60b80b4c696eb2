"""The words a report uses for the terms of the contracts."""

from leanstage.contracts import (
    Arm,
    EnergyComparison,
    Metric,
    ModelVersion,
    Precision,
    Role,
    Runtime,
    SliceState,
    Status,
    Technique,
    Tier,
)
from leanstage.report.document import Tone
from leanstage.report.figures import GAP

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
METRIC: dict[Metric, str] = {
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "exact_match": "exact match",
    "perplexity": "perplexity",
}
SLICE: dict[SliceState, tuple[str, Tone]] = {
    "harmed": ("Harmed", "bad"),
    "kept": (f"Kept{GAP}within the{GAP}limit", "good"),
    "underpowered": (f"Too{GAP}few{GAP}rows to{GAP}tell", "quiet"),
}
TIER: dict[Tier, str] = {
    "measured": "read from an energy counter of this hardware",
    "attributed": "a share of a wider energy counter, assigned to this work",
    "estimated": "computed from processor time and a power model, not read from a counter",
    "declared": "stated by someone, not measured here",
}


def title(metric: Metric) -> str:
    """A metric at the start of a line: ``Macro F1``."""
    return METRIC[metric][:1].upper() + METRIC[metric][1:]


def slice_of(column: str, value: str) -> str:
    """A slice of the evaluation rows: ``channel = email``, ``class = refund``."""
    return f"{'class' if column == 'label' else column} = {value}"


def champion(version: ModelVersion, source: ModelVersion) -> str:
    """The champion beside the model that is judged, by its number where both have one name."""
    number = f"version {version.version}"
    return number if version.name == source.name else f"{version.name}, {number}"


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
    other = find_arm(energy, name)
    return f"Baseline as {form(other.runtime, other.precision)}" if other else name


def find_arm(energy: EnergyComparison, name: str) -> Arm | None:
    """The measured model form ``name``, or None where this comparison has none of that name."""
    return next((arm for arm in energy.arms if arm.name == name), None)
