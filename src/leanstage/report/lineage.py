"""What each step of a lineage did to the model, and every setting that was tried for it."""

from leanstage.contracts import Step, StepResult, TriedSetting, VariantManifest


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
            cost = _times(cost, _ratio(step, trial.cpu_ms_per_answer if trial else None))
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


def tried_settings(baseline: VariantManifest, variant: VariantManifest) -> tuple[TriedSetting, ...]:
    """Every setting that the steps of a lineage tried, in their order."""
    before: float | None = 1.0
    points: list[tuple[Step, int, float | None, float | None]] = []
    for step, result in zip(variant.lineage, step_results(baseline, variant), strict=True):
        for index, trial in enumerate(step.trials):
            drop = trial.validation.probability_drop if trial.validation else None
            cost = _times(before, _ratio(step, trial.cpu_ms_per_answer))
            points.append((step, index, cost, drop))
        before = result.cost
    placed = [(c, d) for _, _, c, d in points if c is not None and d is not None]
    return tuple(
        TriedSetting(
            technique=step.technique,
            settings=step.trials[index].settings,
            fits=step.trials[index].fits,
            kept=step.trials[index] is step.kept,
            reason=step.trials[index].reason,
            cost=cost,
            probability_drop=drop,
            efficient=_efficient(cost, drop, [(1.0, 0.0), *placed]),
        )
        for step, index, cost, drop in points
    )


def _ratio(step: Step, cpu_ms: float | None) -> float | None:
    """Cost of a trial over that of the step's input, which was timed the same way."""
    before = step.input_cpu_ms_per_answer
    return cpu_ms / before if cpu_ms is not None and before else None


def _times(share: float | None, ratio: float | None) -> float | None:
    return None if share is None or ratio is None else share * ratio


def _efficient(cost: float | None, drop: float | None, others: list[tuple[float, float]]) -> bool:
    """Whether none of ``others`` is at least as good both ways, and better in one (Pareto)."""
    if cost is None or drop is None:
        return False
    return not any(c <= cost and d <= drop and (c, d) != (cost, drop) for c, d in others)
