"""What the report says of models that generate: no classes, but texts and how sure they are."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from leanstage.contracts import Evaluation, Flip, Perplexity, Verdict
from leanstage.report import ReportInputs
from leanstage.report.document import Cell, Chart, Table
from leanstage.report.figures import MINUS
from leanstage.report.render import render_html
from leanstage.report.sections import (
    accuracy_section,
    cards,
    limits_table,
    second_section,
    summary_section,
)

MakeInputs = Callable[[Verdict], ReportInputs]
HOSTILE = "</td><script>alert(1)</script>"
LONG = "the beginning " * 40 + "and the end"


def of_texts(found: Evaluation) -> Evaluation:
    flips = (
        Flip(row=3, text=LONG, label="forest", baseline="forest", candidate=HOSTILE),
        Flip(row=9, text="the owl hides in the", label="barn", baseline="", candidate="barn"),
    )
    return Evaluation.model_validate(
        found.model_dump()
        | {
            "metric": "exact_match",
            "macro_f1": None,
            "classes": (),
            "confusion": (),
            "flips": flips,
            "perplexity": Perplexity(
                tokens=41_000, baseline=18.2, candidate=18.473, ratio=1.015, ci95=(1.009, 1.021)
            ),
        }
    )


@pytest.fixture
def written(make_inputs: MakeInputs) -> Callable[..., ReportInputs]:
    def make(**policy: Any) -> ReportInputs:
        made = make_inputs("PROMOTE_OPTIMIZED")
        candidates = {
            role: replace(each, evaluation=each.evaluation and of_texts(each.evaluation))
            for role, each in made.candidates.items()
        }
        changed = made.policy.model_copy(update=policy)
        return replace(made, candidates=candidates, policy=changed)

    return make


def words(cell: Cell) -> str:
    text = f"{cell.text} | {cell.sub}" if cell.sub else cell.text
    return " ".join(text.split()).replace(MINUS, "-")


def test_right_means_that_the_reference_is_written(written: Callable[..., ReportInputs]) -> None:
    section = accuracy_section(written())
    assert "A row is right where the model writes the reference (exact match)" in section.lead
    assert "Perplexity is 18.200 for the baseline, 18.473 for the candidate" in section.lead
    captions = [block.caption for block in section.blocks if isinstance(block, Table)]
    assert not [c for c in captions if "Recall" in c or "onfusion" in c]


def test_perplexity_stands_beside_exact_match(written: Callable[..., ReportInputs]) -> None:
    table = next(b for b in summary_section(written()).blocks if isinstance(b, Table))
    rows = {row[0].text: [words(cell) for cell in row] for row in table.rows}
    assert "Macro F1" not in rows
    assert rows["Exact match"][0] == "Exact match | judged by the policy"
    assert rows["Perplexity"][1:4] == ["18.200", "18.473", "+1.5% | +0.9% to +2.1%"]
    second = second_section(written())
    assert second is not None
    both = next(b for b in second.blocks if isinstance(b, Table))
    assert [row[0].text for row in both.rows][1:3] == ["Exact match", "Perplexity"]


def test_a_policy_on_perplexity_is_shown_in_shares(written: Callable[..., ReportInputs]) -> None:
    inputs = written(metric="perplexity", tolerance=0.02, margin=0.03)
    [first, *_] = cards(inputs)
    assert (first.label, first.value, first.detail) == ("Perplexity", "+1.5%", "18.200 → 18.473")
    table = limits_table(inputs, "optimized")
    assert table is not None
    rows = {row[0].text: [words(cell) for cell in row] for row in table.rows}
    assert "at most 2.00% more" in rows["Perplexity more, as measured"]
    assert "at most 3.00% more" in rows["Perplexity more, at worst"]
    chart = next(b for b in accuracy_section(inputs).blocks if isinstance(b, Chart))
    assert chart.title == "Change in perplexity, percent less"


def test_flips_show_how_the_prompt_ends_and_what_both_write(
    written: Callable[..., ReportInputs],
) -> None:
    inputs = written()
    table = next(
        block
        for block in accuracy_section(inputs).blocks
        if isinstance(block, Table) and block.caption == "Answers that changed, examples"
    )
    assert [column.title for column in table.columns][1:5] == [
        "Prompt",
        "Reference",
        "Baseline writes",
        "Candidate writes",
    ]
    first, second = ([words(cell) for cell in row] for row in table.rows)
    assert first[1].startswith("…")
    assert first[1].endswith("and the end")
    assert second[1:6] == ["the owl hides in the", "barn", "nothing", "barn", "Won"]
    page = render_html(inputs)
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page
