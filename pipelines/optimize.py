"""Optimize: the first half of the line, which produces candidates and decides nothing."""

from kfp import dsl

from leanstage.pipelines._parts import optimize_tasks


@dsl.pipeline(
    name="leanstage-optimize",
    description="Distill, prune and quantize a model; evaluate, gate and promote nothing.",
)
def optimize(
    model: str,
    train_data: str,
    evaluation_data: str,
    validation_data: str = "",
    unlabelled_data: str = "",
    policy: str = "",
    name: str = "",
    seed: int = 0,
) -> None:
    optimize_tasks(
        seed=seed,
        model=model,
        train_data=train_data,
        evaluation_data=evaluation_data,
        validation_data=validation_data,
        unlabelled_data=unlabelled_data,
        policy=policy,
        name=name,
    )
