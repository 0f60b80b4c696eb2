"""The decision in one sentence, with the figures it rests on."""

from collections.abc import Iterable, Sequence

from leanstage.contracts import JustificationUse, ModelPolicy, Reason
from leanstage.gate.judge import Judged
from leanstage.gate.limits import reference_name
from leanstage.gate.words import METRIC, NAME, capitalised, changed, judged_by, percent, points


def promote_candidate(judged: Judged, policy: ModelPolicy, confidence: float) -> str:
    """Why this candidate ships: it has passed, so that all its figures are there."""
    judgement = judged.judgement
    worst, least = judgement.drop_bound or 0.0, judgement.saving_bound or 0.0
    return capitalised(
        f"{NAME[judgement.candidate]} is promoted: it {_accuracy(judged, policy)} (at most "
        f"{_at_most(worst, judged, policy)} at {percent(confidence)} confidence), and it "
        f"{_saving(judged)} "
        f"against {reference_name(policy)} (at least {percent(least)} by its 95% interval, "
        f"{percent(judgement.saving_required or 0.0)} required)."
    )


def promote_baseline(use: JustificationUse, judged: Sequence[Judged], policy: ModelPolicy) -> str:
    """Why the baseline ships."""
    return (
        f"The unoptimized baseline is promoted on the justification of {use.author} (grounds: "
        f"{use.grounds.replace('_', ' ')}, until {use.expires}): {_all(judged, policy)}."
    )


def blocked(reasons: Iterable[Reason], judged: Sequence[Judged], policy: ModelPolicy) -> str:
    """Why nothing ships."""
    codes = _codes(reason for reason in reasons if reason.candidate == "baseline")
    return f"Nothing is promoted{f' ({codes})' if codes else ''}: {_all(judged, policy)}."


def _all(judged: Sequence[Judged], policy: ModelPolicy) -> str:
    clauses = (_clause(candidate, policy) for candidate in judged)
    return "; ".join(clauses) or "there was no candidate to judge"


def _clause(judged: Judged, policy: ModelPolicy) -> str:
    """One candidate, its figures and its outcome."""
    found = (_accuracy(judged, policy), _champion(judged), _saving(judged))
    clauses = [clause for clause in found if clause]
    figures = " and ".join(filter(None, (", ".join(clauses[:-1]), *clauses[-1:])))
    outcome = _codes(judged.judgement.reasons) or "passes"
    return f"{NAME[judged.judgement.candidate]} {figures or 'has no sound figures'} ({outcome})"


def _accuracy(judged: Judged, policy: ModelPolicy) -> str:
    drop, evaluation = judged.judgement.drop, judged.candidate.evaluation
    if drop is None or evaluation is None:
        return ""
    metric = judged_by(policy.metric, evaluation.metric)
    rows = f"on {evaluation.n:,} evaluation rows"
    return f"keeps its {METRIC[metric]} {rows}" if drop == 0 else f"{changed(drop, metric)} {rows}"


def _at_most(bound: float, judged: Judged, policy: ModelPolicy) -> str:
    return f"{percent(bound)} more" if policy.metric == "perplexity" else f"{points(bound)} lost"


def _champion(judged: Judged) -> str:
    """The comparison with the champion, where that objects."""
    drop = judged.judgement.champion_drop
    if drop is None or all(found.code != "champion.worse" for found in judged.judgement.reasons):
        return ""
    if drop == 0:
        return "is no better than the champion"
    return f"is {points(abs(drop))} {'below' if drop > 0 else 'above'} the champion"


def _saving(judged: Judged) -> str:
    saving, energy = judged.judgement.saving, judged.candidate.energy
    if saving is None or energy is None:
        return ""
    verb = "saves" if saving >= 0 else "costs another"
    return f"{verb} {percent(abs(saving))} of the energy per answer ({energy.meter.tier})"


def _codes(reasons: Iterable[Reason]) -> str:
    return ", ".join(dict.fromkeys(reason.code for reason in reasons))
