"""What the policy asks and what the evidence shows, limit by limit."""

from leanstage.contracts import Judgement, ModelPolicy, Role
from leanstage.report import names
from leanstage.report.document import Cell, Row, Table
from leanstage.report.figures import milliseconds, percent, shown, size
from leanstage.report.inputs import CandidateRecord, ReportInputs
from leanstage.report.sections.losses import loss_rows
from leanstage.report.sections.outcomes import COLUMNS, limit_row, outcome, within


def limits_table(inputs: ReportInputs, role: Role) -> Table | None:
    """The gate's limits beside the figures of one candidate; None where it was not judged."""
    judgement = inputs.judgement(role)
    record = inputs.record(role)
    if judgement is None or record is None:
        return None
    policy = inputs.policy
    return Table(
        f"What the gate asked of the {names.ROLE[role].lower()}",
        COLUMNS,
        (
            *loss_rows(inputs, role, judgement, record),
            _saving(policy, judgement, record),
            *_latency(policy, judgement, record),
            *_size(policy, judgement, record),
        ),
        _unset(policy),
    )


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
    return limit_row(
        Cell("Energy saved per answer", f"against the {against}"),
        f"at least {shown(required, percent, percent(policy.min_saving))}",
        Cell(shown(judgement.saving, percent), "; ".join(filter(None, (lower, tier)))),
        outcome(judgement, met, "energy.no_saving", "energy.inconclusive"),
    )


def _latency(policy: ModelPolicy, judgement: Judgement, record: CandidateRecord) -> list[Row]:
    arm = names.find_arm(record.energy, record.energy.registered.arm) if record.energy else None
    rows = []
    p50, p95 = (arm.latency_p50_ms, arm.latency_p95_ms) if arm else (None, None)
    for title, found, limit in (
        ("median", p50, policy.max_latency_p50_ms),
        ("95th percentile", p95, policy.max_latency_p95_ms),
    ):
        if limit is None:
            continue
        met = within(found, limit)
        rows.append(
            limit_row(
                Cell(f"Latency, {title}", "batch 1"),
                f"at most {milliseconds(limit)}",
                Cell(shown(found, milliseconds)),
                # Both limits have one code, so an objection may be to the other.
                outcome(judgement, met) if met else outcome(judgement, met, "latency.slo"),
            )
        )
    return rows


def _size(policy: ModelPolicy, judgement: Judgement, record: CandidateRecord) -> list[Row]:
    if policy.max_bytes is None:
        return []
    found = record.manifest.bytes
    return [
        limit_row(
            Cell("Size on disk"),
            f"at most {size(policy.max_bytes)}",
            Cell(size(found)),
            outcome(judgement, found <= policy.max_bytes, "size.limit"),
        )
    ]


def _unset(policy: ModelPolicy) -> str:
    """What the policy leaves open."""
    unlimited = policy.max_latency_p50_ms is None and policy.max_latency_p95_ms is None
    unset = [
        name
        for name, absent in (
            ("slices", not policy.slices),
            ("latency", unlimited),
            ("size", policy.max_bytes is None),
        )
        if absent
    ]
    words = " or ".join(filter(None, (", ".join(unset[:-1]), *unset[-1:])))
    notes = (
        f"The policy sets no limit on {words}." if unset else "",
        "" if policy.vs_champion else "Against the champion: not compared, by policy.",
    )
    return " ".join(filter(None, notes))
