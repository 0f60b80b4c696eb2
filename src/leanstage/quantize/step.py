"""The quantize step: every backend of the plan is built, measured and judged; the cheapest wins."""

import tempfile
import time
from pathlib import Path

from leanstage import progress
from leanstage.contracts import Plan, Step, Trial, ValidationFigures
from leanstage.errors import LeanstageError
from leanstage.quantize.backends import BACKENDS
from leanstage.tasks import SplitFolder
from leanstage.tasks.figures import validation_figures
from leanstage.techniques.cost import cpu_ms_per_answer
from leanstage.techniques.search import Budget, tried, validation_probabilities
from leanstage.variant import (
    Predictor,
    Variant,
    load_predictor,
    pass_through,
    predict_all,
    with_lineage,
)


def quantize(
    model: Variant,
    *,
    baseline: Variant,
    validation: SplitFolder,
    plan: Plan,
    batch_size: int,
    target: Path,
) -> Variant:
    """Write the cheapest quantized form to ``target``, or the input unchanged with the reason.

    Each backend is loaded from disk through its own runtime, compared with ``baseline`` on the
    validation split and timed in turn with its input. One that fails here is a trial that says so.
    """
    started = time.monotonic()
    settings = plan.quantize

    def step(status: str, reason: str, trials: list[Trial], chosen: dict[str, object]) -> Step:
        return Step(
            technique="quantize",
            status=status,  # type: ignore[arg-type]
            reason=reason,
            settings=chosen,
            trials=tuple(trials),
            parent_digest=model.digest,
            seconds=time.monotonic() - started,
        )

    if not settings.backends:
        return pass_through(model, target, step("skipped", "the plan says no", [], {}))
    if model.manifest.runtime != "torch" or model.manifest.precision == "int8":
        reason = f"the input is {model.manifest.precision} under {model.manifest.runtime} already"
        return pass_through(model, target, step("skipped", reason, [], {}))

    budget = Budget.of("quantize", plan.tolerance)
    predictors: dict[str, Predictor] = {"input": load_predictor(model.path)}
    reference = validation_probabilities(baseline, validation)
    figures: dict[str, ValidationFigures] = {}
    variants: dict[str, Variant] = {}
    trials: list[Trial] = []
    with tempfile.TemporaryDirectory(prefix="leanstage-quantize-") as scratch:
        for number, backend in enumerate(settings.backends):
            progress.step(f"building {backend}", number / len(settings.backends))
            try:
                variant = BACKENDS[backend](model, Path(scratch) / backend)
                predictor = load_predictor(variant.path)
                answers = predict_all(predictor, validation.texts, batch_size=batch_size)
            except (LeanstageError, RuntimeError, ValueError, ImportError, OSError) as error:
                first = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
                reason = f"does not run here: {first}"
                trials.append(Trial(settings={"backend": backend}, fits=False, reason=reason))
                continue
            variants[backend], predictors[backend] = variant, predictor
            figures[backend] = validation_figures(answers, reference, validation.labels)
        progress.step("timing the backends in turn")
        costs = cpu_ms_per_answer(predictors, validation.texts, batch_size=batch_size)

        passing: dict[str, float] = {}
        for name, variant in variants.items():
            fits, reason = budget.judge(figures[name])
            gain = 1 - costs[name] / costs["input"]
            if fits and gain < settings.min_gain:
                fits, reason = (
                    False,
                    f"saves {gain:.0%} of the processor time: no gain measured here",
                )
            if fits:
                passing[name] = costs[name]
            trials.append(
                tried(
                    variant.manifest,
                    fits,
                    reason,
                    settings={"backend": name},
                    validation=figures[name],
                    cpu_ms_per_answer=costs[name],
                )
            )
            progress.step(f"{name}: {costs[name]:.2f} ms an answer; {reason}")
        if not passing:
            reason = f"none of {len(trials)} backends saved processor time within the limit"
            return pass_through(model, target, step("rejected", reason, trials, {}))
        best = min(passing, key=lambda name: passing[name])
        chosen = {"backend": best, "input_cpu_ms_per_answer": costs["input"]}
        reason = (
            f"{best}: {costs[best]:.2f} ms of processor time an answer against {costs['input']:.2f}"
        )
        lineage = (*model.manifest.lineage, step("applied", reason, trials, chosen))
        return with_lineage(variants[best], target, lineage)
