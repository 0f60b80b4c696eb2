"""Deploy: the whole line, from a candidate model to the promoted lean variant."""

from typing import Any

from leanstage.calibrate import AUTO
from leanstage.contracts import Deploy
from leanstage.pipelines._form import pipeline
from leanstage.pipelines._parts import decision_tasks, evidence_tasks, optimize_tasks

SUMMARY = """\
Optimize a model, compare it with its unoptimized baseline and promote the lean variant.

Fill in `model`, and unless a policy names them `train_data`, `evaluation_data` and, on a cluster,
`hardware`; start. The comparison is then in the outputs of the task `report`."""


@pipeline("leanstage-deploy", SUMMARY, sized=("distill", "prune", "quantize", "serving"))
def deploy(
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
    energy_blocks: int = 10,
    energy_window_seconds: float = 0.5,
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
    measuring: dict[str, Any] = {
        "blocks": energy_blocks,
        "window_seconds": energy_window_seconds,
    }
    inputs = half.resolved.outputs
    candidates = {"optimized": half.optimized.output, "fallback": half.fallback.output}
    evidence = evidence_tasks(inputs, candidates, after=half.fallback, **measuring)
    decision_tasks(
        context=inputs["context"],
        plan=half.planned.output,
        baseline=inputs["baseline"],
        **evidence,
    )
