"""Energy-measure: energy per answer of candidate and baseline, interleaved."""

from kfp import dsl
from kfp.dsl import Artifact, Dataset, Input, Metrics, Model, Output

from leanstage.components._image import image


@dsl.component(base_image=image("torch"), install_kfp_package=False)
def energy_measure(
    baseline: Input[Model],
    candidate: Input[Model],
    evaluation: Input[Dataset],
    context: Input[Artifact],
    figures: Output[Artifact],
    metrics: Output[Metrics],
    blocks: int = 10,
    window_seconds: float = 0.5,
    stage_name: str = "energy_measure",
) -> None:
    """Measure the energy per answer of two variants and of the baseline's unoptimized forms.

    Args:
        baseline: The variant to hold the candidate against.
        candidate: The variant to judge.
        evaluation: Rows whose texts are the load.
        context: The run's context, for the batch size and the request rate of production.
        blocks: Randomised blocks; each holds one window of every model.
        window_seconds: Shortest length of a window, in seconds.
        stage_name: What the log calls this task, where a DAG holds several.

    Returns:
        figures: Every window, the ratios with intervals, meter, tier and checks
            (EnergyComparison).
        metrics: The headline figures, for the run view.
    """
    from leanstage.contracts import RunContext
    from leanstage.energy.step import measure
    from leanstage.progress import stage
    from leanstage.tasks import open_split
    from leanstage.variant import open_variant

    with stage(stage_name):
        policy = RunContext.load(context.path).policy
        result = measure(
            open_variant(baseline.path),
            open_variant(candidate.path),
            open_split(evaluation.path),
            batch_size=policy.batch_size,
            blocks=int(blocks),
            window_seconds=window_seconds,
            request_rate=policy.request_rate,
            serving=policy.serving,
        )
        result.save(figures.path)
        metrics.log_metric("energy_ratio", result.registered.ratio)
        metrics.log_metric("energy_ratio_strongest", result.strongest.ratio)
        metrics.log_metric("meter_tier", result.meter.tier)
