"""How the gate words its reasons."""

from collections.abc import Callable

from leanstage.contracts import Metric, Reason, ReasonCode, Role

NAME: dict[Role, str] = {
    "optimized": "the optimized candidate",
    "fallback": "the fallback candidate",
    "baseline": "the baseline",
}

METRIC: dict[Metric, str] = {"accuracy": "accuracy", "macro_f1": "macro F1"}

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


def percent(share: float) -> str:
    """A share as a percentage to two decimals: ``94.23%``."""
    return f"{round(share * 100, 2):g}%"


def span(low: float, high: float) -> str:
    """An interval of shares: ``69.8% to 72.5%``."""
    return f"{percent(low)} to {percent(high)}"


def short(digest: str | None) -> str:
    """The first 12 characters of a digest."""
    return "none" if digest is None else digest[:12]
