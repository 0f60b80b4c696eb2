"""What the policy asks and what the evidence shows, limit by limit."""

from leanstage.contracts import Judgement, ModelPolicy, ReasonCode, Role
from leanstage.report import names
from leanstage.report.document import Cell, Column, Row, Table
from leanstage.report.figures import (
    MISSING,
    count,
    level,
    loss,
    milliseconds,
    percent,
    sample,
    shown,
    size,
)
from leanstage.report.inputs import CandidateRecord, ReportInputs

_COLUMNS = (
    Column("Limit of the policy"),
    Column("Outcome"),
    Column("Found", "number"),
    Column("Asked", "number"),
)


def limits_table(inputs: ReportInputs, role: Role) -> Table | None:
    """The gate's limits beside the figures of one candidate; None where it was not judged."""
    judgement = inputs.judgement(role)
    record = inputs.record(role)
    if judgement is None or record is None:
        return None
    rows = [*_accuracy(inputs.policy, judgement, record), _saving(inputs.policy, judgement, record)]
    if inputs.policy.max_latency_p95_ms is not None:
        rows.append(_latency(inputs.policy.max_latency_p95_ms, judgement, record))
    if inputs.policy.max_bytes is not None:
        found = record.manifest.bytes
        rows.append(
            _row(
                Cell("Size on disk"),
                f"at most {size(inputs.policy.max_bytes)}",
                Cell(size(found)),
                _outcome(judgement, found <= inputs.policy.max_bytes, "size.limit"),
            )
        )
    unset = [
        name
        for name, limit in (
            ("latency", inputs.policy.max_latency_p95_ms),
            ("size", inputs.policy.max_bytes),
        )
        if limit is None
    ]
    note = f"The policy sets no limit on {' or '.join(unset)}." if unset else ""
    return Table(
        f"What the gate asked of the {names.ROLE[role].lower()}", _COLUMNS, tuple(rows), note
    )


def _accuracy(policy: ModelPolicy, judgement: Judgement, record: CandidateRecord) -> list[Row]:
    n = record.evaluation.n if record.evaluation else None
    rows = f"{sample(n)}" if n else ""
    drop, bound = judgement.drop, judgement.drop_bound
    return [
        _row(
            Cell("Accuracy lost, as measured"),
            f"at most {_limit(policy.tolerance)}",
            Cell(shown(drop, loss), rows),
            _outcome(judgement, _within(drop, policy.tolerance), "accuracy.drop"),
        ),
        _row(
            Cell(
                "Accuracy lost, at worst",
                f"one-sided {level(policy.confidence)} bound, shared among the candidates",
            ),
            f"at most {_limit(policy.margin)}",
            Cell(shown(bound, loss), _rows_needed(judgement) or rows),
            _outcome(judgement, _within(bound, policy.margin), "accuracy.uncertain"),
        ),
        _row(
            Cell("Evaluation rows"),
            f"at least {count(policy.min_n)}",
            Cell(shown(n, count)),
            _outcome(judgement, None if n is None else n >= policy.min_n, "accuracy.too_few"),
        ),
    ]


def _saving(policy: ModelPolicy, judgement: Judgement, record: CandidateRecord) -> Row:
    against = (
        "strongest unoptimized form"
        if policy.reference == "strongest"
        else "baseline as registered"
    )
    required, bound = judgement.saving_required, judgement.saving_bound
    tier = f"tier: {record.energy.meter.tier}" if record.energy else ""
    lower = f"at least {percent(bound)} by its interval" if bound is not None else ""
    met = None if required is None or bound is None else bound >= required
    return _row(
        Cell("Energy saved per answer", f"against the {against}"),
        f"at least {shown(required, percent, percent(policy.min_saving))}",
        Cell(shown(judgement.saving, percent), "; ".join(filter(None, (lower, tier)))),
        _outcome(judgement, met, "energy.no_saving", "energy.inconclusive"),
    )


def _latency(limit: float, judgement: Judgement, record: CandidateRecord) -> Row:
    arm = names.find_arm(record.energy, record.energy.registered.arm) if record.energy else None
    found = arm.latency_p95_ms if arm else None
    return _row(
        Cell("Latency, 95th percentile", "batch 1"),
        f"at most {milliseconds(limit)}",
        Cell(shown(found, milliseconds)),
        _outcome(judgement, None if found is None else found <= limit, "latency.slo"),
    )


def _row(name: Cell, asked: str, found: Cell, outcome: Cell) -> Row:
    return (name, outcome, found, Cell(asked))


def _limit(share: float) -> str:
    return f"{share * 100:.2f} points"


def _within(value: float | None, limit: float) -> bool | None:
    return None if value is None else value <= limit


def _outcome(judgement: Judgement, within: bool | None, *codes: ReasonCode) -> Cell:
    """The gate's word where it has one: it objected, or it passed the candidate as a whole."""
    objected = any(reason.code in codes for reason in judgement.reasons)
    if objected or (within is False and not judgement.passed):
        return Cell("Not met", tone="bad")
    if within is None:
        return Cell(MISSING.capitalize(), tone="quiet")
    return Cell("Met", tone="good")


def _rows_needed(judgement: Judgement) -> str:
    if not any(reason.code == "accuracy.uncertain" for reason in judgement.reasons):
        return ""
    if judgement.rows_needed is None:
        return "no number of rows would bring this drop within the limit"
    return f"about {count(judgement.rows_needed)} rows would settle it"
