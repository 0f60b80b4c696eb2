"""Deploy: the whole line, from a candidate model to the promoted lean variant."""

from typing import Any

from kfp import dsl

from leanstage.pipelines._parts import decision_tasks, evidence_tasks, optimize_tasks

DESCRIPTION = """\
Optimize a model, compare it with its unoptimized baseline and promote the lean variant.

model: the checkpoint (models:/name/1, models:/name@alias, hf://org/name@commit, s3://..., folder).
train_data, evaluation_data: labelled rows, JSON Lines or parquet with text and label; empty takes
the data that the policy names.
validation_data: rows to choose settings on; empty holds out some of the training rows.
unlabelled_data: further text to distill on; may be empty.
policy: a ModelPolicy in YAML or a preset (default, strict, lenient); empty takes the one that holds
for the model (by default at most 1 point of accuracy lost and at least 20% of energy saved). Where
the installation keeps policies itself, a run that states another one is refused.
name: the registered model; empty keeps the model's own name.
deploy: optimized, or baseline where an accuracy justification is logged.
energy_blocks, energy_window_seconds: how long to measure. seed: seed of the training.
request: leave it empty; the trigger puts the name of its run here.
"""


@dsl.pipeline(name="leanstage-deploy", description=DESCRIPTION)
def deploy(
    model: str,
    train_data: str = "",
    evaluation_data: str = "",
    validation_data: str = "",
    unlabelled_data: str = "",
    policy: str = "",
    name: str = "",
    deploy: str = "optimized",
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
        policy=policy,
        name=name,
        deploy=deploy,
        request=request,
    )
    measuring: dict[str, Any] = {
        "blocks": energy_blocks,
        "window_seconds": energy_window_seconds,
    }
    inputs = half.resolved.outputs
    evidence = {
        **evidence_tasks(inputs, "optimized", half.optimized.output, **measuring),
        **evidence_tasks(inputs, "fallback", half.fallback.output, **measuring),
    }
    decision_tasks(
        context=inputs["context"],
        plan=half.planned.output,
        baseline=inputs["baseline"],
        **evidence,
    )
