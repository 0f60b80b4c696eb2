"""The decision in one sentence, with the figures it rests on."""

from collections.abc import Iterable, Sequence

from leanstage.contracts import JustificationUse, ModelPolicy, Reason
from leanstage.gate.judge import Judged
from leanstage.gate.limits import reference_name
from leanstage.gate.words import NAME, capitalised, percent, points


def promote_candidate(judged: Judged, policy: ModelPolicy, confidence: float) -> str:
    """Why this candidate ships: it has passed, so that all its figures are there."""
    judgement = judged.judgement
    worst, least = judgement.drop_bound or 0.0, judgement.saving_bound or 0.0
    return capitalised(
        f"{NAME[judgement.candidate]} is promoted: it {_accuracy(judged)} (at most "
        f"{points(worst)} lost at {percent(confidence)} confidence), and it {_saving(judged)} "
        f"against {reference_name(policy)} (at least {percent(least)} by its 95% interval, "
        f"{percent(judgement.saving_required or 0.0)} required)."
    )


def promote_baseline(use: JustificationUse, judged: Sequence[Judged]) -> str:
    """Why the baseline ships."""
    return (
        f"The unoptimized baseline is promoted on the justification of {use.author} (grounds: "
        f"{use.grounds.replace('_', ' ')}, until {use.expires}): {_all(judged)}."
    )


def blocked(reasons: Iterable[Reason], judged: Sequence[Judged]) -> str:
    """Why nothing ships."""
    codes = _codes(reason for reason in reasons if reason.candidate == "baseline")
    return f"Nothing is promoted{f' ({codes})' if codes else ''}: {_all(judged)}."


def _all(judged: Sequence[Judged]) -> str:
    return "; ".join(map(_clause, judged)) or "there was no candidate to judge"


def _clause(judged: Judged) -> str:
    """One candidate, its figures and its outcome."""
    figures = " and ".join(filter(None, (_accuracy(judged), _saving(judged))))
    outcome = _codes(judged.judgement.reasons) or "passes"
    return f"{NAME[judged.judgement.candidate]} {figures or 'has no sound figures'} ({outcome})"


def _accuracy(judged: Judged) -> str:
    drop, evaluation = judged.judgement.drop, judged.candidate.evaluation
    if drop is None or evaluation is None:
        return ""
    rows = f"on {evaluation.counts.n:,} evaluation rows"
    if drop == 0:
        return f"keeps its accuracy {rows}"
    return f"{'loses' if drop > 0 else 'gains'} {points(abs(drop))} of accuracy {rows}"


def _saving(judged: Judged) -> str:
    saving, energy = judged.judgement.saving, judged.candidate.energy
    if saving is None or energy is None:
        return ""
    verb = "saves" if saving >= 0 else "costs another"
    return f"{verb} {percent(abs(saving))} of the energy per answer ({energy.meter.tier})"


def _codes(reasons: Iterable[Reason]) -> str:
    return ", ".join(dict.fromkeys(reason.code for reason in reasons))
