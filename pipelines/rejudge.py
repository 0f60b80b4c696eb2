"""Rejudge: judge an earlier run again, from the signed evidence it kept in MLflow."""

from kfp import dsl

from leanstage.components import recall
from leanstage.pipelines._parts import decision_tasks


@dsl.pipeline(
    name="leanstage-rejudge",
    description=(
        "Judge an earlier run again from its logged evidence, for example after a justification "
        "was logged; then report and promote. The evidence has to be what the gate signed then. "
        "run_id: the MLflow run of that run."
    ),
)
def rejudge(run_id: str) -> None:
    evidence = recall(run_id=run_id).set_caching_options(False).outputs
    decision_tasks(
        context=evidence["context"],
        plan=evidence["plan"],
        baseline=evidence["baseline"],
        optimized=evidence["optimized"],
        optimized_evaluation=evidence["optimized_evaluation"],
        optimized_energy=evidence["optimized_energy"],
        fallback=evidence["fallback"],
        fallback_evaluation=evidence["fallback_evaluation"],
        fallback_energy=evidence["fallback_energy"],
    )
