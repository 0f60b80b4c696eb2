"""What each step of a lineage did to the model, and every setting that was tried for it."""

from collections.abc import Sequence

from leanstage.contracts import Step, StepResult, Trial, TriedSetting, VariantManifest
from leanstage.techniques.search import limit_of


def step_results(baseline: VariantManifest, variant: VariantManifest) -> tuple[StepResult, ...]:
    """The model after each step of its lineage.

    An applied step takes its figures from the trial it kept; the last one that changed the model
    takes its size from the manifest itself. A step that was skipped or rejected changes nothing.
    """
    applied = [i for i, step in enumerate(variant.lineage) if step.status == "applied"]
    last = applied[-1] if applied else len(variant.lineage)
    found: list[StepResult] = []
    parameters: int | None = baseline.parameters
    size: int | None = baseline.bytes
    cost: float | None = 1.0
    validation = None
    for index, step in enumerate(variant.lineage):
        if step.status == "applied":
            trial = step.kept
            parameters, size = (trial.parameters, trial.bytes) if trial else (None, None)
            validation = trial.validation if trial else None
            cost = _times(cost, _ratio(step, trial.ms_per_answer if trial else None))
        if index == last:
            parameters, size = variant.parameters, variant.bytes
        found.append(
            StepResult(
                technique=step.technique,
                status=step.status,
                parameters=parameters,
                bytes=size,
                cost=cost,
                validation=validation,
            )
        )
    return tuple(found)


def tried_settings(
    baseline: VariantManifest, variant: VariantManifest, tolerance: float
) -> tuple[TriedSetting, ...]:
    """Every setting that the steps of a lineage tried, in their order.

    Args:
        tolerance: of the plan; each technique may lose its share of it, where a trial does not
            say what it might lose.
    """
    before: float | None = 1.0
    found: list[TriedSetting] = []
    for step, result in zip(variant.lineage, step_results(baseline, variant), strict=True):
        # What a manifest says that was written before trials told their own.
        limit = limit_of(step.technique, tolerance)
        for trial in step.trials:
            cost = _times(before, _ratio(step, trial.ms_per_answer))
            found.append(_tried(step, trial, cost, limit))
        before = result.cost
    places = [place_of(one) for one in found]
    others = [(1.0, 0.0), *(place for place in places if place is not None)]
    return tuple(
        one.model_copy(update={"efficient": place is not None and _efficient(place, others)})
        for one, place in zip(found, places, strict=True)
    )


def place_of(one: TriedSetting) -> tuple[float, float] | None:
    """Cost and loss, where both are known."""
    if one.cost is None or one.probability_drop is None:
        return None
    return one.cost, one.probability_drop


def _tried(step: Step, trial: Trial, cost: float | None, limit: float) -> TriedSetting:
    figures = trial.validation
    return TriedSetting(
        technique=step.technique,
        settings=trial.settings,
        fits=trial.fits,
        kept=trial is step.kept,
        reason=trial.reason,
        cost=cost,
        probability_drop=figures.probability_drop if figures else None,
        probability_drop_se=figures.probability_drop_se if figures else None,
        accuracy_drop=figures.accuracy_drop if figures else None,
        limit=limit if trial.limit is None else trial.limit,
        ms_per_answer=trial.ms_per_answer,
        parameters=trial.parameters,
        bytes=trial.bytes,
        efficient=False,
    )


def _ratio(step: Step, cpu_ms: float | None) -> float | None:
    """Cost of a trial over that of the step's input, which was timed the same way."""
    before = step.input_ms_per_answer
    return cpu_ms / before if cpu_ms is not None and before else None


def _times(share: float | None, ratio: float | None) -> float | None:
    return None if share is None or ratio is None else share * ratio


def _efficient(place: tuple[float, float], others: Sequence[tuple[float, float]]) -> bool:
    """Whether none of ``others`` is at least as good both ways, and better in one (Pareto)."""
    cost, drop = place
    return not any(c <= cost and d <= drop and (c, d) != place for c, d in others)
