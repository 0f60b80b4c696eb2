"""The limits on what may be lost: of the metric, in slices, against the champion."""

from leanstage.contracts import Judgement, ModelPolicy, Role
from leanstage.report import names
from leanstage.report.document import Cell, Row
from leanstage.report.figures import (
    count,
    level,
    limit,
    loss,
    more,
    more_limit,
    percent,
    sample,
    shown,
)
from leanstage.report.inputs import CandidateRecord, ReportInputs
from leanstage.report.metrics import compared
from leanstage.report.sections.champion import comparison, uncompared
from leanstage.report.sections.outcomes import limit_row, outcome, within
from leanstage.report.sections.production import UNCHECKED


def loss_rows(
    inputs: ReportInputs, role: Role, judgement: Judgement, record: CandidateRecord
) -> list[Row]:
    """One row for each limit on a loss, and for the rows that it rests on."""
    rows = _metric(inputs.policy, judgement, record)
    if inputs.policy.slices:
        rows.append(_slices(inputs.policy, judgement))
    if inputs.policy.min_agreement is not None:
        rows.append(_agreement(inputs.policy.min_agreement, judgement, record))
    if inputs.policy.vs_champion:
        rows.append(_champion(inputs, role, judgement))
    return rows


def _metric(policy: ModelPolicy, judgement: Judgement, record: CandidateRecord) -> list[Row]:
    found = compared(record.evaluation, policy.metric) if record.evaluation else None
    title = names.title(found.metric if found else policy.metric)
    relative = policy.metric == "perplexity"
    asked, lost = (more_limit, more) if relative else (limit, loss)
    how = "more" if relative else "lost"
    n = record.evaluation.n if record.evaluation else None
    rows = f"{sample(n)}" if n else ""
    drop, bound = judgement.drop, judgement.drop_bound
    return [
        limit_row(
            Cell(f"{title} {how}, as measured"),
            asked(policy.tolerance),
            Cell(shown(drop, lost), rows),
            outcome(judgement, within(drop, policy.tolerance), "accuracy.drop"),
        ),
        limit_row(
            Cell(
                f"{title} {how}, at worst",
                f"one-sided {level(policy.confidence)} bound, shared among the candidates",
            ),
            asked(policy.margin),
            Cell(shown(bound, lost), _rows_needed(judgement) or rows),
            outcome(judgement, within(bound, policy.margin), "accuracy.uncertain"),
        ),
        limit_row(
            Cell("Evaluation rows"),
            f"at least {count(policy.min_n)}",
            Cell(shown(n, count)),
            outcome(judgement, None if n is None else n >= policy.min_n, "accuracy.too_few"),
        ),
    ]


def _slices(policy: ModelPolicy, judgement: Judgement) -> Row:
    states = [one.state for one in judgement.slices]
    number, harmed = count(len(states)), states.count("harmed")
    found = Cell("no slice judged")
    if states:
        unsure = states.count("underpowered")
        found = Cell(
            f"{count(harmed) if harmed else 'none'} of {number} harmed",
            f"{count(unsure)} of {number} too small to tell" if unsure else "",
        )
    return limit_row(
        Cell("Accuracy lost in a slice", "blocks where more than the limit is shown to be lost"),
        limit(policy.slice_tolerance),
        found,
        outcome(judgement, harmed == 0 if states else None, "slice.harm"),
    )


def _agreement(asked: float, judgement: Judgement, record: CandidateRecord) -> Row:
    bound, measured = judgement.agreement_bound, judgement.agreement
    check = record.evaluation.production if record.evaluation else None
    behind = ""
    if measured is not None and check is not None:
        behind = f"{percent(measured)} as measured, {sample(check.n)}"
    return limit_row(
        Cell("Agreement with the baseline in production", "at worst by the same bound"),
        f"at least {percent(asked)}",
        Cell(shown(bound, percent, UNCHECKED.lower()), behind),
        outcome(judgement, None if bound is None else bound >= asked, "agreement.low"),
    )


def _champion(inputs: ReportInputs, role: Role, judgement: Judgement) -> Row:
    champion, beside = inputs.decision.champion, comparison(inputs, role)
    title = "Accuracy lost against the champion"
    asked = limit(inputs.policy.margin)
    if champion is None or beside is None:
        why = uncompared(inputs, role)
        return limit_row(Cell(title), asked, Cell(why), Cell("Not compared", tone="quiet"))
    drop, bound = judgement.champion_drop, judgement.champion_drop_bound
    measured = "" if drop is None else f"{loss(drop)} as measured, {sample(beside.counts.n)}"
    version = names.champion(champion.version, inputs.decision.source)
    return limit_row(
        Cell(title, f"{version}, at worst by the same bound"),
        asked,
        Cell(shown(bound, loss), measured),
        outcome(judgement, within(bound, inputs.policy.margin), "champion.worse"),
    )


def _rows_needed(judgement: Judgement) -> str:
    if not any(reason.code == "accuracy.uncertain" for reason in judgement.reasons):
        return ""
    if judgement.rows_needed is None:
        return "no number of rows would bring this drop within the limit"
    return f"about {count(judgement.rows_needed)} rows would settle it"
