"""What optimizing each model would save in a year, as a range, and on what that rests."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from leanstage.accounts import between, cost, emissions
from leanstage.contracts import AuditEntry, Factors, Interval, YearlySaving

FEWEST = 3
"""Decisions that a range of one's own rests on at least."""
RULE_OF_THUMB: Interval = (0.20, 0.80)
"""From the least that the default policy accepts to what the demo measured against its baseline."""
DEMO_JOULES, DEMO_PARAMETERS = 0.02664, 22.7e6
"""Energy per answer and size of the baseline of the demo: short texts, fp32, an estimate."""
TIMES = 3.0
"""How far from that, by its size, an encoder may be on another machine, with other texts."""
ESTIMATED: Interval = (0.4, 2.5)
"""Times a figure estimated from processor time, the least and the most that it may be."""


@dataclass(frozen=True)
class Experience:
    """What optimizing saved here.

    Attributes:
        share: of the energy per answer, quartiles.
        basis: what they rest on, as a clause.
    """

    share: Interval
    basis: str


def experience(entries: Sequence[AuditEntry]) -> Experience:
    """The experience of the promoted versions that serve."""
    shares = [saved for entry in entries if (saved := _share(entry)) is not None]
    if len(shares) < FEWEST:
        return Experience(
            RULE_OF_THUMB,
            "Share saved: a rule of thumb, from the 20% that the default policy asks for to the "
            "80% that leanstage's demo measured",
        )
    basis = f"Share saved: quartiles of {len(shares)} decisions in this registry"
    return Experience(_quartiles(shares), basis)


def yearly(entry: AuditEntry, known: Experience, factors: Factors) -> YearlySaving | None:
    """What is left to save; None where a gate has decided, or volume or energy are not known.

    What a gate once promoted as optimized is so wherever it serves, drifted or not.
    """
    if entry.status in ("optimized", "justified") or entry.verdict == "PROMOTE_OPTIMIZED":
        return None
    if entry.requests_per_year is None:
        return None
    if entry.joules_per_answer is not None:
        least, most = ESTIMATED if entry.tier == "estimated" else (1.0, 1.0)
        joules: Interval = (entry.joules_per_answer * least, entry.joules_per_answer * most)
        basis = f"energy per answer: {entry.tier} for its decision"
        if entry.tier == "estimated":
            basis += f", so {least:g} to {most:g} times that"
    elif entry.parameters and entry.task == "text-classification":
        thumb = entry.parameters * DEMO_JOULES / DEMO_PARAMETERS
        joules = (thumb / TIMES, thumb * TIMES)
        basis = (
            "energy per answer: a rule of thumb, by its parameters a third to three times what "
            "leanstage's demo estimated of its baseline (26.6 mJ for 22.7 M)"
        )
    else:
        return None
    energy = between(*joules, "joule") * between(*known.share) * entry.requests_per_year
    return YearlySaving(
        kwh=energy.to("kWh"),
        tco2e=emissions(energy, factors).to("tCO2e"),
        money=cost(energy, factors).to("money"),
        currency=factors.currency,
        share=known.share,
        joules_per_answer=joules,
        basis=f"{known.basis}; {basis}; requests: {entry.requests_from}, an answer each.",
    )


def _share(entry: AuditEntry) -> float | None:
    """Saved against the form as registered, which is what an unoptimized model serves in."""
    if (
        entry.status != "optimized"
        or entry.joules_per_answer is None
        or entry.baseline_joules_per_answer is None
    ):
        return None
    return 1.0 - entry.joules_per_answer / entry.baseline_joules_per_answer


def _quartiles(values: Sequence[float]) -> Interval:
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return (max(0.0, low), max(0.0, high))
