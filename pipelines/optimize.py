"""Optimize: the first half of the line, which proposes candidates and decides nothing."""

from kfp import dsl

from leanstage.components import propose
from leanstage.pipelines._parts import optimize_tasks


@dsl.pipeline(
    name="leanstage-optimize",
    description=(
        "Distill, prune and quantize a model and leave the candidates in MLflow as a proposal; "
        "evaluate, gate and promote nothing. Parameters as in leanstage-deploy."
    ),
)
def optimize(
    model: str,
    train_data: str = "",
    evaluation_data: str = "",
    validation_data: str = "",
    unlabelled_data: str = "",
    policy: str = "",
    name: str = "",
    deploy: str = "optimized",
    seed: int = 0,
    request: str = "",
) -> None:
    half = optimize_tasks(
        seed=seed,
        model=model,
        train_data=train_data,
        evaluation_data=evaluation_data,
        validation_data=validation_data,
        unlabelled_data=unlabelled_data,
        policy=policy,
        name=name,
        deploy=deploy,
        request=request,
    )
    propose(
        context=half.resolved.outputs["context"],
        plan=half.planned.output,
        optimized=half.optimized.output,
        fallback=half.fallback.output,
    ).set_caching_options(False)
