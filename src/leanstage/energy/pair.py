"""Any two models on disk held against each other, without a pipeline."""

import tempfile
from pathlib import Path
from typing import Literal

from leanstage import progress
from leanstage.contracts import EnergyComparison, EnergyVerdict, ModelPolicy, SavingVerdict
from leanstage.energy.pace import Progress
from leanstage.energy.ratios import saving_verdict
from leanstage.energy.step import measure
from leanstage.errors import InputError
from leanstage.tasks.folder import open_split, write_split
from leanstage.tasks.splits import Examples, read_labelled, read_unlabelled
from leanstage.variant import MANIFEST, Variant, open_variant
from leanstage.variant.adopt import adopt

Reference = Literal["registered", "strongest"]


def compare_models(
    baseline: Path,
    candidate: Path,
    data: str,
    *,
    batch_size: int = 8,
    request_rate: float | None = None,
    blocks: int = 10,
    window_seconds: float = 0.5,
    min_saving: float = 0.2,
    reference: Reference = "registered",
    tell: Progress = progress.step,
) -> EnergyVerdict:
    """Measure what an answer of each model takes, and say whether the candidate saves enough.

    Args:
        baseline: folder of a variant, or of a checkpoint of transformers.
        candidate: what is held against it; both are for one task.
        data: JSON Lines or parquet; its texts or prompts are the load, labels are left unread.
        batch_size: rows per request at the load that is judged.
        request_rate: answers per second in production, a load that is shown beside it.
        blocks: randomised blocks, each with a window of every form.
        window_seconds: shortest window.
        min_saving: share of energy to be saved; more is asked for where energy is estimated.
        reference: against the baseline as it lies there, or the cheapest of its unoptimized forms.
        tell: told what comes next and the share done so far.

    Raises:
        InputError: a model or the data cannot be used; nothing was measured.
        MeterError: the meter failed or read no energy.
        WorkerError: a worker failed, died, or fell silent.
    """
    with tempfile.TemporaryDirectory(prefix="leanstage-compare-") as scratch:
        tell("reading the models", 0.0)
        one = _open(baseline, Path(scratch, "baseline"))
        other = _open(candidate, Path(scratch, "candidate"))
        tasks = one.manifest.task, other.manifest.task
        if tasks[0] != tasks[1]:
            raise InputError(
                f"{baseline} is for {tasks[0]} and {candidate} for {tasks[1]}; only models of one "
                "task do the same work."
            )
        rows = Path(scratch, "rows")
        write_split(rows, _read(data, one), split="evaluation", labels=one.manifest.labels)
        comparison = measure(
            one,
            other,
            open_split(rows),
            batch_size=batch_size,
            blocks=blocks,
            window_seconds=window_seconds,
            request_rate=request_rate,
            own_forms=reference == "strongest",
            tell=tell,
        )
    required = ModelPolicy(min_saving=min_saving).required_saving(comparison.meter.tier)
    ratio = comparison.registered if reference == "registered" else comparison.strongest
    verdict, reason = _judged(comparison, reference, required)
    return EnergyVerdict(
        baseline=str(baseline),
        candidate=str(candidate),
        reference=reference,
        min_saving=min_saving,
        required_saving=required,
        ratio=ratio.ratio,
        ci95=ratio.ci95,
        tier=comparison.meter.tier,
        verdict=verdict,
        reason=reason,
        comparison=comparison,
    )


def _open(folder: Path, scratch: Path) -> Variant:
    return open_variant(folder) if (folder / MANIFEST).is_file() else adopt(folder, scratch)


def _read(data: str, model: Variant) -> Examples:
    if model.manifest.task == "text-generation":
        return read_labelled(data, (), split="evaluation")
    return read_unlabelled(data)


def _judged(
    comparison: EnergyComparison, reference: Reference, required: float
) -> tuple[SavingVerdict, str]:
    """The verdict, and the sentence that says why."""
    ratio = comparison.registered if reference == "registered" else comparison.strongest
    low, high = ratio.ci95
    held = "the baseline" if reference == "registered" else "its strongest form"
    figures = (
        f"An answer of the candidate takes {ratio.ratio:.3f} of the energy of {held} (95% interval "
        f"{low:.3f} to {high:.3f}; {comparison.meter.name}, {comparison.meter.tier})"
    )
    limit = f"at most {1 - required:.3f} would save the {required:.0%} asked for on this tier"
    failed = [f"{c.name}: {c.detail.rstrip('.')}" for c in comparison.checks if not c.passed]
    if failed:
        return "INCONCLUSIVE", f"{figures}, which counts for nothing: {'; '.join(failed)}."
    verdict = saving_verdict(high, low, required)
    said = {
        "PASS": f"{figures}; {limit}.",
        "FAIL": f"{figures}; {limit}.",
        "INCONCLUSIVE": f"{figures}; {limit}, which lies within the interval: measure longer.",
    }
    return verdict, said[verdict]
