"""The champion, which serves now, beside a candidate on the same rows."""

from leanstage.contracts import ChampionComparison, Role
from leanstage.report import names
from leanstage.report.document import Cell
from leanstage.report.figures import count, loss, percent, shown
from leanstage.report.inputs import ReportInputs

NONE_YET = "no champion yet"
BY_POLICY = "not compared, by policy"


def uncompared(inputs: ReportInputs, role: Role) -> str:
    """Why there is no comparison with the champion of the decision; empty where there is one."""
    champion = inputs.decision.champion
    judgement, record = inputs.judgement(role), inputs.record(role)
    if not inputs.policy.vs_champion:
        return BY_POLICY
    if champion is None:
        return NONE_YET
    if judgement and judgement.digest == champion.digest:
        return "it is the champion itself"
    if record is None or record.evaluation is None or record.evaluation.champion is None:
        return "not evaluated beside it"
    if record.evaluation.champion.digest != champion.digest:
        return "evaluated beside another"
    return ""


def comparison(inputs: ReportInputs, role: Role) -> ChampionComparison | None:
    """The champion of the decision on the rows of ``role``; None where that was not compared."""
    record = inputs.record(role)
    if record is None or record.evaluation is None or uncompared(inputs, role):
        return None
    return record.evaluation.champion


def champion_fact(inputs: ReportInputs, role: Role) -> tuple[str, Cell]:
    """The champion beside the candidate, in brief."""
    champion, found = inputs.decision.champion, comparison(inputs, role)
    if champion is None or not inputs.policy.vs_champion:
        return "Against the champion", Cell(uncompared(inputs, role))
    name = f"Against the champion, {names.champion(champion.version, inputs.decision.source)}"
    if found is None:
        return name, Cell(uncompared(inputs, role))
    judgement = inputs.judgement(role)
    bound = judgement.champion_drop_bound if judgement else None
    counts = found.counts
    accuracy = (counts.both_right + counts.candidate_only) / counts.n if counts.n else None
    figures = (
        f"accuracy {percent(found.accuracy)} → {shown(accuracy, percent)}",
        f"{count(counts.baseline_only)} rows lost, {count(counts.candidate_only)} won",
        "" if bound is None else f"bound judged: {loss(bound)}",
    )
    lost = loss(counts.drop) if counts.n else "no rows"
    return name, Cell(lost, "; ".join(filter(None, figures)))
