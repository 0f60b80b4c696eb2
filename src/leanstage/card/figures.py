"""The figures of a card, from the evidence that was judged."""

from collections.abc import Iterable, Sequence

from leanstage.card.subject import Subject
from leanstage.contracts import (
    CardedEnergy,
    CardedMetric,
    EnergyComparison,
    Interval,
    Load,
    Ratio,
    Role,
    Window,
)
from leanstage.energy.ratios import energy_ratio, paired_ratio
from leanstage.report.inputs import ROLES
from leanstage.report.metrics import compared, metrics_of
from leanstage.variant.statistics_sample import wilson_interval


def energy_figures(subject: Subject) -> tuple[CardedEnergy, ...]:
    """Every variant that was measured, in every precision and at every load.

    The promoted variant stands first; forms of the baseline are those of its own measurement.
    """
    roles = sorted(ROLES, key=lambda role: role != subject.inputs.subject)
    found: list[CardedEnergy] = []
    for role in roles:
        record = subject.inputs.record(role)
        if record is None or record.energy is None:
            continue
        own = found == []
        found += [
            figure
            for figure in _measured(record.energy, role)
            if own or figure.variant != "baseline"
        ]
    return tuple(sorted(found, key=lambda each: each.variant != subject.role))


def _measured(energy: EnergyComparison, role: Role) -> Iterable[CardedEnergy]:
    """One measurement: the load that is judged, then the others."""
    judged = Load(
        batch_size=energy.workload.batch_size,
        windows=energy.windows,
        joules_per_answer={arm.name: arm.joules_per_answer for arm in energy.arms},
        registered=energy.registered,
        strongest=energy.strongest,
    )
    yield from _at_load(energy, role, judged, judged=True)
    for load in energy.loads:
        yield from _at_load(energy, role, load, judged=False)


def _at_load(
    energy: EnergyComparison, role: Role, load: Load, *, judged: bool
) -> Iterable[CardedEnergy]:
    tokens = load.tokens_per_answer or energy.workload.tokens_per_answer
    decode = energy.decode.joules_per_token if energy.decode and judged else {}
    registered = load.registered
    for arm in energy.arms:
        joules = load.joules_per_answer.get(arm.name)
        if arm.name == energy.control.arm or joules is None:
            continue
        own, service = arm.name == registered.arm, load.service.get(arm.name)
        ratio = registered if own else _against(load.windows, arm.name, registered)
        yield CardedEnergy(
            variant=role if own else "baseline",
            form=arm.name,
            runtime=arm.runtime,
            precision=arm.precision,
            judged=judged,
            batch_size=load.batch_size,
            request_rate=load.request_rate,
            overloaded=service.overloaded if service else None,
            tokens_per_answer=tokens,
            joules_per_answer=joules,
            ci95=_interval(load.windows, arm.name),
            joules_per_output_token=joules / tokens if tokens and tokens > 1 else None,
            decode_joules_per_token=decode.get(arm.name),
            ratio=ratio.ratio if ratio else None,
            ratio_ci95=ratio.ci95 if ratio else None,
            meter=energy.meter.name,
            tier=energy.meter.tier,
            scale=energy.meter.scale,
        )


def _interval(windows: Sequence[Window], arm: str) -> Interval | None:
    """95% t-interval of the energy per answer over the blocks, on the log scale as ratios are."""
    costs = [window.joules / window.answers for window in windows if window.arm == arm]
    return paired_ratio(costs, [1.0] * len(costs))[1] if len(costs) > 1 else None


def _against(windows: Sequence[Window], arm: str, registered: Ratio) -> Ratio | None:
    """Of a form of the baseline, over the one as registered; None for that one itself."""
    if arm == registered.against or not any(window.arm == arm for window in windows):
        return None
    return energy_ratio(windows, arm, registered.against)


def metric_figures(subject: Subject) -> tuple[CardedMetric, ...]:
    """The promoted variant on the evaluation rows."""
    evaluation = subject.evaluation
    if evaluation is None:
        return ()
    itself = subject.role == "baseline"
    counts = evaluation.counts
    right = counts.both_right + (counts.baseline_only if itself else counts.candidate_only)
    share = wilson_interval(right, evaluation.n, 0.95)
    found = (compared(evaluation, metric) for metric in metrics_of(evaluation))
    return tuple(
        CardedMetric(
            metric=each.metric,
            n=each.n,
            value=each.baseline if itself else each.candidate,
            ci95=share if each.metric == evaluation.metric else None,
            difference=None if itself else each.difference,
            difference_ci95=None if itself else each.ci95,
        )
        for each in found
    )
