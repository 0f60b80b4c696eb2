"""How the gate words its reasons."""

from collections.abc import Callable

from leanstage.contracts import Metric, Reason, ReasonCode, Role

NAME: dict[Role, str] = {
    "optimized": "the optimized candidate",
    "fallback": "the fallback candidate",
    "baseline": "the baseline",
}

METRIC: dict[Metric, str] = {
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "exact_match": "exact match",
    "perplexity": "perplexity",
}

Objection = Callable[[ReasonCode, str, str], Reason]


def objection(role: Role) -> Objection:
    """A maker of reasons against ``role`` from code, sentence and what to do next."""

    def reason(code: ReasonCode, sentence: str, remedy: str) -> Reason:
        return Reason(code=code, candidate=role, sentence=capitalised(sentence), next=remedy)

    return reason


def capitalised(sentence: str) -> str:
    """The sentence with its first letter in upper case, the rest as it is."""
    return sentence[:1].upper() + sentence[1:]


def points(share: float) -> str:
    """A share as percentage points: 0.0123 is ``1.23 points``."""
    figure = f"{round(share * 100, 2):g}"
    return f"{figure} point{'' if figure == '1' else 's'}"


def judged_by(metric: Metric, counted: Metric) -> Metric:
    """The metric of a policy where ``counted`` is what right answers are: accuracy of texts is
    their exact match."""
    return counted if metric == "accuracy" else metric


def amount(share: float, metric: Metric) -> str:
    """So much of a metric: ``1.23 points of accuracy``, ``1.23% of perplexity``."""
    size = percent(share) if metric == "perplexity" else points(share)
    return f"{size} of {METRIC[metric]}"


def changed(drop: float, metric: Metric) -> str:
    """What a candidate does to a metric: ``loses 1.23 points of accuracy``."""
    if metric == "perplexity":
        return f"has {percent(abs(drop))} {'more' if drop > 0 else 'less'} perplexity"
    return f"{'loses' if drop > 0 else 'gains'} {amount(abs(drop), metric)}"


def worst(bound: float, metric: Metric) -> str:
    """The worst that a bound allows for: ``lose up to 1.23 points of accuracy``."""
    if metric == "perplexity":
        return f"have up to {percent(bound)} more perplexity"
    return f"lose up to {amount(bound, metric)}"


def percent(share: float) -> str:
    """A share as a percentage to two decimals: ``94.23%``."""
    return f"{round(share * 100, 2):g}%"


def span(low: float, high: float) -> str:
    """An interval of shares: ``69.8% to 72.5%``."""
    return f"{percent(low)} to {percent(high)}"


def short(digest: str | None) -> str:
    """The first 12 characters of a digest."""
    return "none" if digest is None else digest[:12]
