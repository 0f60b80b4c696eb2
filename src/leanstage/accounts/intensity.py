"""Energy per answer of a model, year over year, from what served when."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from leanstage.contracts import Interval, Tier, YearlyIntensity

_DAY_SECONDS = 86_400.0


@dataclass(frozen=True)
class Served:
    """A champion, from when to when it was one, and what was measured of it.

    Attributes:
        joules: per answer, as decided.
        scale: true joules over those.
        conditions: what has to be equal for two figures to compare, by its name; None where it is
            not on record.
        decision: the MLflow run that decided.
    """

    model: str
    start: datetime
    end: datetime
    joules: float
    scale: Interval
    tier: Tier
    conditions: Mapping[str, str] | None
    decision: str


def yearly_intensity(served: Sequence[Served]) -> list[YearlyIntensity]:
    """By model and calendar year (UTC); a champion counts by the days that it was one.

    As many answers a day are assumed all year: a registry counts none.
    """
    years: dict[tuple[str, int], list[tuple[Served, float]]] = {}
    for each in served:
        for year in range(each.start.year, each.end.year + 1):
            begins, ends = (datetime(number, 1, 1, tzinfo=UTC) for number in (year, year + 1))
            seconds = (min(each.end, ends) - max(each.start, begins)).total_seconds()
            if seconds > 0:
                part = (each, seconds / _DAY_SECONDS)
                years.setdefault((each.model, year), []).append(part)
    return [_year(key, years[key], years.get((key[0], key[1] - 1))) for key in sorted(years)]


def _year(
    key: tuple[str, int],
    parts: Sequence[tuple[Served, float]],
    before: Sequence[tuple[Served, float]] | None,
) -> YearlyIntensity:
    both = [each for each, _ in (*(before or ()), *parts)]
    differing = _differing(both)
    change, basis = None, "There is no year before it on record."
    if before and differing:
        basis = f"It does not compare with the year before: {differing}."
    elif before:
        change = _mean(parts) / _mean(before) - 1.0
        basis = "Both years by one meter, boundary, kind of machine, load and data."
    return YearlyIntensity(
        model=key[0],
        year=key[1],
        days=math.fsum(days for _, days in parts),
        joules_per_answer=(_mean(parts, 0), _mean(parts, 1)),
        tiers=tuple(sorted({each.tier for each, _ in parts})),
        decisions=tuple(dict.fromkeys(each.decision for each, _ in parts)),
        change=change,
        basis=basis,
    )


def _mean(parts: Sequence[tuple[Served, float]], end: int | None = None) -> float:
    """Joules an answer, weighted by days; by one end of the meter's scale."""
    days = math.fsum(days for _, days in parts)
    scales = [1.0 if end is None else each.scale[end] for each, _ in parts]
    joules = zip(parts, scales, strict=True)
    return math.fsum(each.joules * scale * own for (each, own), scale in joules) / days


def _differing(served: Sequence[Served]) -> str:
    """What keeps figures from being compared, as a clause; empty where nothing does."""
    known = [each.conditions for each in served if each.conditions is not None]
    if len(known) < len(served):
        return "under what conditions a champion was measured is not on record"
    names = [name for name in known[0] if len({conditions.get(name) for conditions in known}) > 1]
    return f"{', '.join(names)} differ" if names else ""
