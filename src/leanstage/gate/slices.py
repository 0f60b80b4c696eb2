"""Is any slice of the rows harmed? Each against its limit, all of them at one error level."""

from collections.abc import Sequence

from leanstage.contracts import ModelPolicy, Reason, Role, SliceCounts, SliceJudgement, SliceState
from leanstage.gate.limits import GUARD
from leanstage.gate.words import NAME, objection, percent, points
from leanstage.variant.statistics import tango_upper_drop
from leanstage.variant.statistics_slices import harm_p_value, holm

_NAMED = 3
"""Slices that a reason names; the others it counts."""


def judge_slices(slices: Sequence[SliceCounts], policy: ModelPolicy) -> tuple[SliceJudgement, ...]:
    """Judge every slice of one candidate: the harmed first, then those that lose most.

    A slice is ``harmed`` where its p-value for a loss of at most ``slice_tolerance``, adjusted over
    all slices (Holm 1979, Scandinavian Journal of Statistics 6, 65-70), is below the error level of
    the policy. That level is the whole one, not the part that one of several candidates gets for
    its bound: there the error is to promote what lost, and a smaller level promotes less; here it
    is to block what kept, and a smaller level would let more harm through.

    It is ``kept`` where Tango's one-sided bound of its loss, at the error level divided by the
    number of slices, is within ``slice_tolerance``; so all that are kept are so at once.

    Args:
        slices: paired counts. Slices without rows, and those by columns that the policy does not
            name, are left out: they would only soften the adjustment of the others.
    """
    found = [part for part in slices if part.counts.n > 0 and part.column in policy.slices]
    error = 1.0 - policy.confidence
    adjusted = holm([harm_p_value(part.counts, policy.slice_tolerance) for part in found])
    judged = []
    for part, p in zip(found, adjusted, strict=True):
        bound = tango_upper_drop(part.counts, 1.0 - error / len(found))
        state: SliceState = "underpowered"
        if p < error:
            state = "harmed"
        elif bound <= policy.slice_tolerance + GUARD:
            state = "kept"
        judged.append(
            SliceJudgement(
                column=part.column,
                value=part.value,
                n=part.counts.n,
                drop=part.counts.drop,
                drop_bound=bound,
                p_adjusted=p,
                state=state,
            )
        )
    return tuple(
        sorted(judged, key=lambda one: (one.state != "harmed", -one.drop, one.column, one.value))
    )


def slice_problems(
    role: Role, slices: Sequence[SliceJudgement], policy: ModelPolicy
) -> list[Reason]:
    """The objection to slices that are shown to be harmed; it names the worst."""
    harmed = [one for one in slices if one.state == "harmed"]
    if not harmed:
        return []
    named = [
        f"{one.column} {one.value} loses {points(one.drop)} on {one.n:,} rows (p "
        f"{one.p_adjusted:.2g} over {len(slices):,} slices)"
        for one in harmed[:_NAMED]
    ]
    more = f", and {len(harmed) - _NAMED:,} more" if len(harmed) > _NAMED else ""
    text = (
        f"{NAME[role]} is shown to lose more than {points(policy.slice_tolerance)} of accuracy in "
        f"parts of the rows at {percent(policy.confidence)} confidence: {', '.join(named)}{more}."
    )
    remedy = "Give the student more training text of this kind, or compress less."
    return [objection(role)("slice.harm", text, remedy)]
