"""The verdict and what to do next."""

from leanstage.contracts import Decision, Grounds, JustificationUse, Reason, Verdict
from leanstage.report import names
from leanstage.report.document import Action, Cell, Facts, Headline, Tone
from leanstage.report.figures import short, when
from leanstage.report.inputs import ReportInputs

_STATUS: dict[Verdict, tuple[str, Tone]] = {
    "PROMOTE_OPTIMIZED": ("Promote", "good"),
    "PROMOTE_BASELINE": ("Promote with justification", "warn"),
    "BLOCKED": ("Blocked", "bad"),
}
_TITLE: dict[Verdict, str] = {
    "PROMOTE_OPTIMIZED": "The optimized variant ships",
    "PROMOTE_BASELINE": "The unoptimized baseline ships",
    "BLOCKED": "Nothing ships yet",
}
_GROUNDS: dict[Grounds, str] = {
    "accuracy": "Accuracy: the optimized variants lose too much of it",
    "no_saving": "No saving: the measured trials save too little energy",
    "runtime": "Runtime: the serving platform cannot run the optimized variants",
}


def headline(inputs: ReportInputs) -> Headline:
    """The top of the report."""
    decision = inputs.decision
    status, tone = _STATUS[decision.verdict]
    title = _TITLE[decision.verdict]
    if decision.promoted == "fallback":
        title = "The fallback variant ships"
    reasons = _reasons(decision)
    blocked = decision.verdict == "BLOCKED"
    return Headline(
        verdict=status,
        tone=tone,
        title=title,
        sentence=decision.sentence,
        meta=(
            ("Model", f"{decision.source.name}, version {decision.source.version}"),
            ("Policy", _policy(inputs)),
            ("Asked for", f"the {decision.deploy} variant"),
            ("Decided", when(decision.decided)),
        ),
        lead=_lead(decision, bool(reasons)),
        actions=tuple(Action(r.code, names.ROLE[r.candidate], r.sentence, r.next) for r in reasons),
        command=(inputs.justify_command or "") if blocked else "",
        justification=_justification(decision.justification),
    )


def _policy(inputs: ReportInputs) -> str:
    """The policy, and what it judges by where that is not accuracy."""
    name, metric = inputs.decision.policy_name, inputs.policy.metric
    return name if metric == "accuracy" else f"{name}, judges by {names.METRIC[metric]}"


def _reasons(decision: Decision) -> tuple[Reason, ...]:
    """The reasons of the decision, then those of its judgements that it does not repeat."""
    judged = (reason for judgement in decision.judgements for reason in judgement.reasons)
    return tuple(dict.fromkeys((*decision.reasons, *judged)))


def _lead(decision: Decision, objections: bool) -> str:
    if decision.verdict == "BLOCKED":
        lead = "Nothing was promoted; what is in production stays there."
        return f"{lead} Resolve the points below, then decide again." if objections else lead
    if decision.verdict == "PROMOTE_BASELINE" and decision.deploy == "baseline":
        return (
            "No further step is needed to promote. The baseline was asked for, and the "
            "justification below carries it."
        )
    if decision.verdict == "PROMOTE_BASELINE":
        return (
            "No further step is needed to promote. The points below kept the optimized variants "
            "back; resolve them before the justification expires."
            if objections
            else "No further step is needed to promote. The justification below carries it."
        )
    if objections:
        return (
            "No further step is needed to promote. The points below concern a candidate "
            "that does not ship."
        )
    return "No further step is needed: the evidence meets every limit of the policy."


def _justification(use: JustificationUse | None) -> Facts | None:
    if use is None:
        return None
    return Facts(
        "Justification on record",
        (
            ("Grounds", Cell(_GROUNDS[use.grounds])),
            ("Reason given", Cell(use.reason)),
            ("Author", Cell(use.author)),
            ("Expires", Cell(when(use.expires))),
            ("Logged in", Cell(f"{use.experiment}, run {use.run_id}")),
            ("SHA-256", Cell(short(use.sha256), code=True)),
        ),
    )
