"""Decide: evaluate and measure what was proposed, judge it, report, promote."""

from typing import Any

from leanstage.components import receive
from leanstage.pipelines._compiling import placed
from leanstage.pipelines._form import pipeline
from leanstage.pipelines._parts import decision_tasks, evidence_tasks

SUMMARY = """\
Take a proposal that leanstage-optimize left in MLflow, evaluate and measure its candidates again,
judge them, report, and promote what may be promoted.

For installations that keep the decision out of the submitter's hands: run it where only the gate
holds the key and its MLflow account. Policy and evaluation data are the gate's own. Fill in
`run_id`; start."""


@pipeline("leanstage-decide", SUMMARY, sized=("serving",))
def decide(
    run_id: str,
    energy_blocks: int = 10,
    energy_window_seconds: float = 0.5,
    request: str = "",
) -> None:
    received = placed(receive(run_id=run_id, request=request)).set_caching_options(False)
    inputs = received.outputs
    measuring: dict[str, Any] = {
        "blocks": energy_blocks,
        "window_seconds": energy_window_seconds,
    }
    candidates = {role: inputs[role] for role in ("optimized", "fallback")}
    evidence = evidence_tasks(inputs, candidates, **measuring)
    decision_tasks(
        context=inputs["context"], plan=inputs["plan"], baseline=inputs["baseline"], **evidence
    )
