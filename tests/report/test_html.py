"""The HTML report: figures, structure, accessibility, and nothing loaded from elsewhere."""

import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from typing import get_args

import pytest

from leanstage.contracts import ClassFigures, Verdict
from leanstage.report import CandidateRecord, ReportInputs, render_html
from leanstage.report.figures import MINUS

MakeInputs = Callable[[Verdict], ReportInputs]
VERDICTS = get_args(Verdict)
VOID = {"meta", "link", "img", "br", "hr", "input"}
HEADINGS = ("h1", "h2", "h3", "h4")


class Page(HTMLParser):
    """Text, tags and attributes of a page; refuses unbalanced tags."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), tag
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self.open):
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split()).replace(MINUS, "-")


@pytest.mark.parametrize("verdict", VERDICTS)
def test_page_is_balanced_and_says_no_missing_value_in_code(
    make_inputs: MakeInputs, verdict: Verdict
) -> None:
    text = Page(render_html(make_inputs(verdict))).text
    assert not re.search(r"\b(nan|inf|None|null|undefined)\b", text)


@pytest.mark.parametrize("verdict", VERDICTS)
def test_page_loads_nothing(make_inputs: MakeInputs, verdict: Verdict) -> None:
    html = render_html(make_inputs(verdict))
    page = Page(html)
    tags = [tag for tag, _ in page.tags]
    assert not set(tags) & {"link", "img", "iframe", "base", "image", "object", "embed"}
    assert tags.count("script") == 1
    for _, attributes in page.tags:
        assert "src" not in attributes
        assert (attributes.get("href") or "#").startswith("#")
    assert "url(" not in html
    assert "@import" not in html


@pytest.mark.parametrize("verdict", VERDICTS)
def test_page_is_accessible(make_inputs: MakeInputs, verdict: Verdict) -> None:
    page = Page(render_html(make_inputs(verdict)))
    tags = [tag for tag, _ in page.tags]
    assert [tags.count(name) for name in ("main", "header", "footer", "h1")] == [1, 1, 1, 1]
    levels = [int(tag[1]) for tag in tags if tag in HEADINGS]
    assert all(after - before <= 1 for before, after in pairwise(levels))
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(set(ids)) == len(ids)
    for tag, attributes in page.tags:
        if tag == "th":
            assert attributes.get("scope") in ("col", "row")
        if tag == "svg" and attributes.get("class") == "chart":
            assert attributes["role"] == "img"
        for identifier in (attributes.get("aria-labelledby") or "").split():
            assert identifier in ids
    charts = sum(1 for t, a in page.tags if t == "svg" and a.get("class") == "chart")
    assert charts >= 6
    assert tags.count("desc") == charts
    assert tags.count("caption") == tags.count("table")


@pytest.mark.parametrize(
    ("verdict", "status", "title"),
    [
        ("PROMOTE_OPTIMIZED", "Promote", "The optimized variant ships"),
        ("PROMOTE_BASELINE", "Promote with justification", "The unoptimized baseline ships"),
        ("BLOCKED", "Blocked", "Nothing ships yet"),
    ],
)
def test_verdict_comes_first(
    make_inputs: MakeInputs, verdict: Verdict, status: str, title: str
) -> None:
    inputs = make_inputs(verdict)
    text = Page(render_html(inputs)).text
    positions = [
        text.index(part)
        for part in (
            f"{status} {title}",
            inputs.decision.sentence,
            "What to do next",
            "Baseline and optimized candidate side by side",
            "Change in accuracy",
            "Energy per answer, J/answer",
            "Steps of the optimized candidate",
            "Path through the decision tree",
            "Both candidates",
            "The exact bytes, data and rules",
        )
    ]
    assert positions == sorted(positions)


def test_figures_name_what_stands_behind_them(make_inputs: MakeInputs) -> None:
    text = Page(render_html(make_inputs("PROMOTE_OPTIMIZED"))).text
    for figure in (
        "-0.36 points -1.07 to +0.33",
        "Evaluation split, n = 3,080",
        "2,872 93.2%",
        "0.0584 J → 0.00579 J",
        "ratio 0.0991, 0.0971 to 0.101",
        "ratio 0.268, 0.261 to 0.275",
        "cpu-time, tier: estimated 10 blocks, batch 8",
        "48.6 ms → 5.19 ms",
        "Energy per answer one at a time 0.0934 J 0.00926 J -89.1% 0.109, 0.105 to 0.113",
        "Latency 95th percentile, one at a time 48.6 ms 5.19 ms -89.3%",
        "438 MB → 68.1 MB",
        "109 million 67.0 million -38.8%",
        "gave a ratio of 1.004 (95% interval 0.991 to 1.017, 10 blocks)",
        "0.00161",
        "from 94.4%, n = 2,002",
        "53 of 3,080 rows are answered differently",
        "Macro F1 93.7% 93.3% -0.43 points -1.24 to +0.40 Evaluation split, n = 3,080",
        "Baseline as torch bf16 0.0237 J",
        "p = 0.14 at the 5% level the two models' accuracies are not shown to differ",
        "0.16 points lost accuracy 94.0% → 93.8%; 27 rows lost, 22 won; bound judged: 0.63 points",
    ):
        assert figure in text


def test_blocked_report_says_what_to_do(make_inputs: MakeInputs) -> None:
    inputs = make_inputs("BLOCKED")
    text = Page(render_html(inputs)).text
    for reason in inputs.decision.reasons:
        assert f"{reason.sentence} Next: {reason.next}" in text
    assert inputs.justify_command is not None
    assert inputs.justify_command in text
    assert "about 4,800 rows would settle it" in text
    assert "Promoted, content nothing was promoted" in text


def test_command_is_shown_only_when_blocked(make_inputs: MakeInputs) -> None:
    inputs = replace(make_inputs("PROMOTE_OPTIMIZED"), justify_command="leanstage justify")
    assert "leanstage justify" not in render_html(inputs)


def test_justification_is_shown(make_inputs: MakeInputs) -> None:
    inputs = make_inputs("PROMOTE_BASELINE")
    text = Page(render_html(inputs)).text
    assert inputs.decision.justification is not None
    assert inputs.decision.justification.reason in text
    assert "Expires 2027-02-28 00:00 UTC" in text


def test_missing_evidence_is_said_in_words(make_inputs: MakeInputs) -> None:
    inputs = make_inputs("BLOCKED")
    bare = CandidateRecord(
        inputs.candidates["optimized"].manifest.model_copy(update={"lineage": (), "digest": None})
    )
    text = Page(render_html(replace(inputs, candidates={"optimized": bare}))).text
    assert "No evaluation is on record" in text
    assert "No energy comparison is on record" in text
    assert "records no step" in text
    assert "not measured" in text
    assert not re.search(r"\b(nan|None)\b", text)


def test_run_without_candidates_has_a_report(make_inputs: MakeInputs) -> None:
    inputs = make_inputs("BLOCKED")
    decision = inputs.decision.model_copy(update={"judgements": (), "baseline_digest": None})
    text = Page(render_html(replace(inputs, decision=decision, candidates={}, timings={}))).text
    assert "No candidate reached the gate" in text
    assert "no baseline to hash" in text


def test_fallback_can_be_the_subject(make_inputs: MakeInputs) -> None:
    inputs = make_inputs("PROMOTE_OPTIMIZED")
    decision = inputs.decision.model_copy(update={"promoted": "fallback"})
    text = Page(render_html(replace(inputs, decision=decision))).text
    assert "The fallback variant ships" in text
    assert "Steps of the fallback candidate" in text
    assert "Both candidates Figure Fallback candidate Optimized candidate" in text


def test_many_classes_are_summed_up(make_inputs: MakeInputs) -> None:
    inputs = make_inputs("PROMOTE_OPTIMIZED")
    record = inputs.candidates["optimized"]
    assert record.evaluation is not None
    labels = tuple(f"intent-{i}" for i in range(77))
    evaluation = record.evaluation.model_copy(
        update={
            "classes": tuple(
                ClassFigures(label=name, n=40, baseline_recall=0.9, candidate_recall=0.9 - i / 1000)
                for i, name in enumerate(labels)
            ),
            "confusion": tuple(
                tuple(37 if i == j else 3 if j == (i + 1) % 77 else 0 for j in range(77))
                for i in range(77)
            ),
        }
    )
    manifest = record.manifest.model_copy(update={"labels": labels})
    many = replace(record, manifest=manifest, evaluation=evaluation)
    judgements = tuple(j.model_copy(update={"slices": ()}) for j in inputs.decision.judgements)
    decision = inputs.decision.model_copy(update={"judgements": judgements})
    shown = replace(inputs, candidates={"optimized": many}, decision=decision)
    text = Page(render_html(shown)).text
    assert "Of 77 classes, those that lose most are shown." in text
    assert "intent-76 40 90.0% 82.4% -7.60" in text
    assert "Most frequent confusions of the candidate" in text
