"""What is said of a comparison beside its checks: outcomes that never fail."""

from collections.abc import Mapping, Sequence

from leanstage.contracts import Check, Idle
from leanstage.energy.arrivals import AtRate, together
from leanstage.energy.replies import WarmUp
from leanstage.energy.schedule import LONGEST_AT_RATE_SECONDS, seconds_at_rate


def note_idle_power(idle: Sequence[Idle], refusal: str) -> Check:
    """Records what the machine drew at rest, or why that is not known."""
    if not idle:
        reason = refusal.rstrip(".") or "nobody asked"
        return Check(
            name="idle-power", passed=True, detail=f"Not known, nor dynamic energy: {reason}."
        )
    watts = [window.joules / window.wall_seconds for window in idle]
    return Check(
        name="idle-power",
        passed=True,
        detail=(
            f"{min(watts):.2f} to {max(watts):.2f} W in {len(watts)} windows, every model in "
            "memory and none asked."
        ),
    )


def note_production(
    at_rate: Mapping[str, Sequence[AtRate]], request_rate: float | None, batch_size: int
) -> Check:
    """Records whether the forms stood the rate of production, or that nobody asked."""
    if request_rate is None:
        said = "The policy names no request rate, so production is but the batches judged"
    elif not at_rate:
        said = (
            f"At {request_rate:g} answers per second in requests of {batch_size}, enough of them "
            f"for a window take {seconds_at_rate(request_rate, batch_size):.0f} s, more than "
            f"{LONGEST_AT_RATE_SECONDS:g} s, and were not asked; for rest see idle-power"
        )
    else:
        over = [arm for arm, windows in at_rate.items() if together(windows).overloaded]
        state = f"overloaded: {', '.join(over)}" if over else "every form kept up"
        said = f"At {request_rate:g} answers per second {state}"
    return Check(name="production", passed=True, detail=f"{said}.")


def note_warm_up(warm_ups: Mapping[str, WarmUp]) -> Check:
    """Records the warm-up.

    On a shared machine throughput may not settle within the time given, and the interval then
    shows the noise for what it is.
    """
    unsettled = [name for name, warm_up in warm_ups.items() if not warm_up.settled]
    fewest = min(warm_up.iterations for warm_up in warm_ups.values())
    state = f"not within 5% for {', '.join(unsettled)}" if unsettled else "all within 5%"
    return Check(
        name="warm-up",
        passed=True,
        detail=f"At least {fewest} batches each; three successive throughputs: {state}.",
    )
