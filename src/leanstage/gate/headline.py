"""The decision in a handful of figures, for tables that hold many runs."""

from leanstage.contracts import Decision


def headline(decision: Decision) -> dict[str, float | str]:
    """Verdict, drop and saving of the candidate that is promoted, or of the first one judged.

    Shares, not percent; a figure that could not be had is left out.
    """
    judged = {judgement.candidate: judgement for judgement in decision.judgements}
    first = next(iter(judged.values()), None)
    chosen = judged.get(decision.promoted, first) if decision.promoted else first
    found: dict[str, float | str] = {"verdict": decision.verdict}
    if chosen is not None:
        figures = {
            "accuracy_drop": chosen.drop,
            "accuracy_drop_bound": chosen.drop_bound,
            "energy_saving": chosen.saving,
            "energy_saving_bound": chosen.saving_bound,
        }
        found |= {name: value for name, value in figures.items() if value is not None}
    return found
