"""The Markdown report: the same content, in tables that GitHub reads."""

import re
from collections.abc import Callable
from typing import get_args

import pytest
from markdown_it import MarkdownIt

from leanstage.contracts import Verdict
from leanstage.report import ReportInputs, render_markdown
from leanstage.report.figures import MINUS

MakeInputs = Callable[[Verdict], ReportInputs]


def column_counts(markdown: str) -> list[set[int]]:
    """Columns found in each run of table lines."""
    tables: list[set[int]] = []
    inside = False
    for line in markdown.splitlines():
        is_row = line.startswith("|")
        if is_row:
            if not inside:
                tables.append(set())
            assert line.endswith(" |")
            tables[-1].add(len(re.findall(r"(?<!\\)\|", line)) - 1)
        inside = is_row
    return tables


@pytest.mark.parametrize("verdict", get_args(Verdict))
def test_tables_have_constant_columns(make_inputs: MakeInputs, verdict: Verdict) -> None:
    markdown = render_markdown(make_inputs(verdict))
    counts = column_counts(markdown)
    assert len(counts) >= 12
    assert all(len(found) == 1 for found in counts)
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown)
    assert sum(token.type == "table_open" for token in tokens) == len(counts)


@pytest.mark.parametrize("verdict", get_args(Verdict))
def test_no_missing_value_in_code_and_no_loose_lines(
    make_inputs: MakeInputs, verdict: Verdict
) -> None:
    markdown = render_markdown(make_inputs(verdict))
    assert not re.search(r"\b(nan|inf|None|null)\b", markdown)
    assert "\n\n\n" not in markdown
    assert not re.search(r"[ \t]$", markdown, re.MULTILINE)


def test_content(make_inputs: MakeInputs) -> None:
    inputs = make_inputs("BLOCKED")
    markdown = render_markdown(inputs).replace(MINUS, "-")
    assert markdown.startswith("# Blocked: Nothing ships yet\n\nNo candidate passed")
    for part in (
        "## What to do next",
        "1. `accuracy.uncertain` (Optimized candidate): The drop may be as large as 2.31 points",
        f"```\n{inputs.justify_command}\n```",
        "| Accuracy (judged by the policy) | 94.2% | 93.2% | -0.94 points (-1.65 to -0.25) |",
        "- McNemar's exact test: p &lt; 0.001 (at the 5% level the two models' accuracies differ)",
        "| language = sv | Harmed | 160 | 93.8% → 80.0% | -13.75 | -22.34 | 0.0014 |",
        "### Prune: Rejected",
        f"| Policy | `{inputs.decision.policy_sha256}` |",
        "| distill | 21 min 24 s |",
    ):
        assert part in markdown


def test_charts_and_the_matrix_are_left_out(make_inputs: MakeInputs) -> None:
    markdown = render_markdown(make_inputs("PROMOTE_OPTIMIZED"))
    assert "<svg" not in markdown
    assert "Confusion matrix" not in markdown
