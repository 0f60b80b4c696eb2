"""Optimize: the first half of the line, which proposes candidates and decides nothing."""

from leanstage.calibrate import AUTO
from leanstage.components import propose
from leanstage.contracts import Deploy
from leanstage.pipelines._compiling import placed
from leanstage.pipelines._form import pipeline
from leanstage.pipelines._parts import optimize_tasks

SUMMARY = """\
Distill, prune and quantize a model and leave the candidates in MLflow as a proposal; evaluate,
judge and promote nothing. leanstage-decide takes it from there.

Fill in `model`, and unless a policy names them `train_data`, `evaluation_data` and, on a cluster,
`hardware`; start."""


@pipeline("leanstage-optimize", SUMMARY, sized=("distill", "prune", "quantize"))
def optimize(
    model: str,
    train_data: str = "",
    evaluation_data: str = "",
    validation_data: str = "",
    unlabelled_data: str = "",
    production_data: str = "",
    student: str = "",
    policy: str = "",
    name: str = "",
    hardware: str = AUTO,
    deploy: Deploy = "optimized",
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
        production_data=production_data,
        student=student,
        policy=policy,
        name=name,
        hardware=hardware,
        deploy=deploy,
        request=request,
    )
    proposed = propose(
        context=half.resolved.outputs["context"],
        plan=half.planned.output,
        optimized=half.optimized.output,
        fallback=half.fallback.output,
    )
    placed(proposed).set_caching_options(False)
