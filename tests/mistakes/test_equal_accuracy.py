"""A mistake of all of them: one score for both models, and no word on what changed."""

from collections.abc import Callable
from typing import Any

import numpy as np

from leanstage.contracts import Verdict
from leanstage.report import ReportInputs, render_html, render_markdown
from leanstage.tasks import Predictions, compare
from tests.report.conftest import build

LABELS = ("negative", "positive")


def test_equal_accuracy_does_not_hide_changed_answers() -> None:
    """Two models right on as many rows, but on others, are not told to agree."""
    labels = np.zeros(100, dtype=np.int32)
    baseline, candidate = labels.copy(), labels.copy()
    baseline[:10], candidate[10:20] = 1, 1
    found = compare(Predictions(labels, baseline, candidate, slices={}), LABELS)
    assert found.difference == 0
    assert found.agreement == 0.8
    assert (found.counts.baseline_only, found.counts.candidate_only) == (10, 10)


def test_a_gate_counts_the_answers_that_changed(genuine: Any, spoiled: Any) -> None:
    """An agreement that the answers do not bear out blocks."""
    from leanstage.gate import decide

    evaluation = spoiled.put(genuine.evaluation(), ("agreement",), 1.0)
    decision = decide(genuine.evidence(genuine.candidate(evaluation=evaluation)), genuine.policy)
    assert decision.verdict == "BLOCKED"


def test_the_report_shows_the_answers_that_changed() -> None:
    """Flips stand in both forms of the report, with the text and both answers."""
    make: Callable[[Verdict], ReportInputs] = build
    inputs = make("PROMOTE_OPTIMIZED")
    evaluation = inputs.candidates["optimized"].evaluation
    assert evaluation is not None
    for page in (render_html(inputs), render_markdown(inputs)):
        assert evaluation.flips[0].text in page
