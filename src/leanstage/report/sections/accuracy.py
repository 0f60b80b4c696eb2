"""Accuracy: the interval, the paired table, slices, classes and the answers that changed."""

from leanstage.contracts import Evaluation
from leanstage.report import charts, names
from leanstage.report.document import Block, Cell, Chart, Column, Section, Table, Text
from leanstage.report.figures import (
    count,
    level,
    percent,
    point_span,
    point_tick,
    points,
    sample,
    seconds,
    short,
)
from leanstage.report.inputs import ReportInputs
from leanstage.report.metrics import compared
from leanstage.report.sections.classes import SHORT, confusion_table, recall_table
from leanstage.report.sections.flips import flips_table
from leanstage.report.sections.further import further_facts
from leanstage.report.sections.slices import judged_by_class, slices_table

_CANDIDATE = "Candidate minus baseline"
Interval = tuple[str, Evaluation, float | None]


def accuracy_section(inputs: ReportInputs) -> Section:
    """The accuracy of the candidate that the report is about."""
    role = inputs.subject
    record = inputs.record(role)
    evaluation = record.evaluation if record else None
    if role is None or record is None or evaluation is None:
        return Section(
            "accuracy", "Accuracy", "No evaluation is on record, so nothing is known of accuracy."
        )
    judgement = inputs.judgement(role)
    bound = judgement.drop_bound if judgement else None
    metric = inputs.policy.metric
    held = "" if metric == "accuracy" else f" The policy judges by {names.METRIC[metric]}."
    told = _perplexity(evaluation)
    few = 0 < len(evaluation.classes) <= SHORT
    blocks: list[Block | None] = [
        interval_chart(inputs, "accuracy", ((_CANDIDATE, evaluation, bound),)),
        further_facts(inputs, role, evaluation),
        slices_table(inputs, evaluation),
        _paired(evaluation, half=few),
        recall_table(evaluation) if few or not judged_by_class(judgement) else None,
        flips_table(evaluation),
        confusion_table(evaluation, record.manifest.labels),
        Text(_evidence(evaluation), tone="quiet"),
    ]
    return Section(
        "accuracy",
        "Accuracy",
        f"On {count(evaluation.n)} evaluation rows the baseline is right on "
        f"{percent(evaluation.baseline)}, the candidate on {percent(evaluation.candidate)}: "
        f"a difference of {points(evaluation.difference)} percentage points "
        f"(95% interval {point_span(*evaluation.ci95)}). "
        f"They give the same answer on {percent(evaluation.agreement)} of the rows.{told}{held}",
        tuple(block for block in blocks if block is not None),
    )


def _perplexity(evaluation: Evaluation) -> str:
    """Of models that generate: how sure they are, and what being right means."""
    if evaluation.perplexity is None:
        return ""
    found = compared(evaluation, "perplexity")
    return (
        f" A row is right where the model writes the reference (exact match). Perplexity is "
        f"{found.values[0]} for the baseline, {found.values[1]} for the candidate."
    )


def interval_chart(
    inputs: ReportInputs, anchor: str, rows: tuple[Interval, ...], whose: str = ""
) -> Chart:
    """Differences of the metric of the policy against its limits.

    Args:
        rows: label, evaluation, and the gate's upper bound of the drop where there is one.
        whose: end of the title.
    """
    policy = inputs.policy
    title = f"Change in {names.METRIC[policy.metric]}{whose}"
    series: tuple[charts.Series, ...] = ("candidate", "reference")
    found = [(label, compared(e, policy.metric), bound) for label, e, bound in rows]
    spans = [
        charts.Span(
            label,
            *figures.ci95,
            figures.difference,
            figures.change.removesuffix(" points"),
            series[index % 2],
            None if bound is None else -bound,
            figures.span,
        )
        for index, (label, figures, bound) in enumerate(found)
    ]
    limits = (
        charts.Limit(0.0, "No change", "zero"),
        charts.Limit(-policy.tolerance, f"Tolerance {points(-policy.tolerance)}", "soft"),
        charts.Limit(-policy.margin, f"Margin {points(-policy.margin)}", "hard"),
    )
    description = " ".join(
        f"{label}: {c.change}, 95% interval {c.span}, "
        f"{sample(c.n)}." + ("" if b is None else f" Bound judged: {points(-b)} points.")
        for label, c, b in found
    )
    description += (
        f" The dot may not lie below {points(-policy.tolerance)} points, "
        f"nor the bound below {points(-policy.margin)} points."
    )
    judged = any(bound is not None for _, _, bound in rows)
    diamond = (
        f" Diamond: the one-sided {level(policy.confidence)} bound that the gate holds against "
        "the margin, stricter where two candidates share the error."
        if judged
        else ""
    )
    return Chart(
        charts.intervals(f"{anchor}-interval", title, description, spans, limits, point_tick),
        f"{title}, {'percent less' if policy.metric == 'perplexity' else 'percentage points'}",
        "Dot: measured change, held against the tolerance. Bar: its 95% interval "
        f"({', '.join(dict.fromkeys(c.method for _, c, _ in found))}).{diamond} "
        f"n = {', '.join(dict.fromkeys(count(c.n) for _, c, _ in found))}.",
    )


def _paired(evaluation: Evaluation, *, half: bool) -> Table:
    counts = evaluation.counts
    right = counts.both_right + counts.baseline_only
    wrong = counts.candidate_only + counts.both_wrong

    def row(name: str, *values: int) -> tuple[Cell, ...]:
        cells = (Cell(count(v), percent(v / counts.n) if counts.n else "") for v in values)
        return (Cell(name), *cells)

    return Table(
        "The same rows under both models",
        (
            Column("Rows"),
            Column("Candidate right", "number"),
            Column("Candidate wrong", "number"),
            Column("Total", "number"),
        ),
        (
            row("Baseline right", counts.both_right, counts.baseline_only, right),
            row("Baseline wrong", counts.candidate_only, counts.both_wrong, wrong),
            row(
                "Total",
                counts.both_right + counts.candidate_only,
                counts.baseline_only + counts.both_wrong,
                counts.n,
            ),
        ),
        f"{sample(counts.n)}. Only rows on which one model is right and the other wrong move "
        f"the result: {count(counts.baseline_only)} lost, {count(counts.candidate_only)} won.",
        half=half,
    )


def _evidence(evaluation: Evaluation) -> str:
    overlap = evaluation.overlap_with_train
    seen = (
        "No evaluation row also stands in the training split."
        if overlap == 0
        else f"{count(overlap)} of {count(evaluation.n)} evaluation rows also stand in the "
        "training split, which can flatter both models."
    )
    return (
        f"{seen} Evaluation data: SHA-256 {short(evaluation.dataset_sha256)}…, "
        f"{sample(evaluation.n)}; evaluated in {seconds(evaluation.seconds)}."
    )
