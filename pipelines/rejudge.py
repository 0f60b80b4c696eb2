"""Rejudge: judge an earlier run again, from the signed evidence it kept in MLflow."""

from leanstage.components import recall
from leanstage.pipelines._compiling import placed
from leanstage.pipelines._form import pipeline
from leanstage.pipelines._parts import decision_tasks

SUMMARY = """\
Judge an earlier run again from its logged evidence, for example after a justification was logged;
then report and promote. The evidence has to be what the gate signed then. Fill in `run_id`; start.\
"""


@pipeline("leanstage-rejudge", SUMMARY)
def rejudge(run_id: str) -> None:
    evidence = placed(recall(run_id=run_id)).set_caching_options(False).outputs
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
