"""What the model was after each step."""

from collections.abc import Callable

from leanstage.contracts import Step, Verdict
from leanstage.report import ReportInputs
from leanstage.report.lineage import step_results

MakeInputs = Callable[[Verdict], ReportInputs]


def after(inputs: ReportInputs, *lineage: Step) -> list[tuple[int | None, int | None]]:
    variant = inputs.candidates["optimized"].manifest.model_copy(update={"lineage": lineage})
    return [(stage.parameters, stage.bytes) for stage in step_results(inputs.baseline, variant)]


def test_figures_come_from_trials_then_from_the_manifest(make_inputs: MakeInputs) -> None:
    inputs = make_inputs("PROMOTE_OPTIMIZED")
    distill, prune, quantize = inputs.candidates["optimized"].manifest.lineage
    assert after(inputs, distill, prune, quantize) == [
        (66_958_086, 267_870_215),
        (66_958_086, 267_870_215),
        (66_958_086, 68_120_442),
    ]


def test_nothing_applied_leaves_the_baseline(make_inputs: MakeInputs) -> None:
    inputs = make_inputs("PROMOTE_OPTIMIZED")
    _, prune, _ = inputs.candidates["optimized"].manifest.lineage
    assert after(inputs, prune) == [(inputs.baseline.parameters, inputs.baseline.bytes)]


def test_a_step_without_trials_leaves_a_gap(make_inputs: MakeInputs) -> None:
    inputs = make_inputs("PROMOTE_OPTIMIZED")
    distill, prune, quantize = inputs.candidates["optimized"].manifest.lineage
    blank = distill.model_copy(update={"trials": ()})
    assert after(inputs, blank, prune, quantize)[:2] == [(None, None), (None, None)]
