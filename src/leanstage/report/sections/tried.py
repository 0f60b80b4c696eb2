"""What was tried: what every setting costs and loses, and why each was kept or not."""

from collections.abc import Callable

from leanstage.contracts import TriedSetting
from leanstage.report import charts_tried, names
from leanstage.report.charts_tried import Bound, Mark
from leanstage.report.document import Block, Chart, Section, Text
from leanstage.report.figures import count, level, limit, percent, point_tick, points, settings
from leanstage.report.inputs import ReportInputs
from leanstage.report.lineage import place_of, tried_settings
from leanstage.report.sections.trials import OUTCOME, kind_of, step_group

Across = Callable[[TriedSetting], float | None]

_CAPTION = (
    "Down: mean loss in the probability of the true class, in points, on the validation split, "
    "with its standard error. Dot: kept, the last of them ringed. Diamond: fits, not kept. Cross: "
    "does not fit. Hollow: not evaluated. Square: the baseline. Arrow: further out than the "
    "picture goes. Lines across: the most that a technique may lose; a cross within them has its "
    "reason in the tables below, whose numbers these are."
)
_STAIRS = " Stairs: the best loss to be had at each cost (Pareto)."


def tried_section(inputs: ReportInputs) -> Section:
    """Every setting that was tried for the candidate the report is about."""
    record = inputs.record(inputs.subject)
    lineage = record.manifest.lineage if record else ()
    tried = (
        tried_settings(inputs.baseline, record.manifest, inputs.plan.tolerance) if record else ()
    )
    blocks = _curve(tried, inputs.baseline.parameters)
    first = 1
    for step in lineage:
        last = first + len(step.trials)
        blocks.append(step_group(step, first, tried[first - 1 : last - 1]))
        first = last
    kept = sum(one.kept for one in tried)
    lead = (
        f"{count(len(tried))} settings were tried, {count(kept)} kept. A technique looks for the "
        "most saving within its limit, on validation rows only; the gate judges the result on "
        "rows of its own."
        if tried
        else "No setting was tried."
    )
    return Section("tried", "What was tried", lead, tuple(blocks))


def _curve(tried: tuple[TriedSetting, ...], parameters: int) -> list[Block]:
    """The picture, and which settings it lacks."""

    def timed(one: TriedSetting) -> float | None:
        return one.cost

    def sized(one: TriedSetting) -> float | None:
        return None if one.parameters is None else one.parameters / parameters

    across, what, wanted = timed, "time per answer", "a time"
    if not any(place_of(one) for one in tried):
        across, what, wanted = sized, "parameters", "a time and a size"
    missing = [count(n) for n, one in enumerate(tried, 1) if across(one) is None]
    blocks: list[Block] = []
    if len(missing) < len(tried):
        blocks.append(_trade_off(tried, across, what))
        if missing:
            words = f"Not in the picture, for want of {wanted}: {', '.join(missing)}."
            blocks.append(Text(words, tone="quiet", detail=True))
    return blocks


def _trade_off(tried: tuple[TriedSetting, ...], across: Across, what: str) -> Chart:
    marks = [Mark(1.0, 0.0, "B", "baseline", "The baseline")]
    last = max((n for n, one in enumerate(tried) if one.kept), default=None)
    for index, one in enumerate(tried):
        x = across(one)
        if x is not None:
            marks.append(_mark(one, x, count(index + 1), what, chosen=index == last))
    best = {(1.0, 0.0), *(place for one in tried if one.efficient and (place := place_of(one)))}
    front = sorted(place for place in best if place[0] <= 1.0)
    title = f"Loss against {what}, every setting"
    return Chart(
        charts_tried.trade_off(
            "tried-front",
            title,
            f"{'; '.join(mark.words for mark in marks)}.",
            marks,
            front,
            _bounds(tried),
            level,
            _loss,
        ),
        f"{title} that was tried",
        f"Across: {what}, share of the baseline's. {_CAPTION}{_STAIRS if len(front) > 1 else ''}",
    )


def _mark(one: TriedSetting, x: float, number: str, what: str, *, chosen: bool) -> Mark:
    drop, kind = one.probability_drop, kind_of(one)
    loss = "not evaluated" if drop is None else f"{points(-drop)} points of probability"
    return Mark(
        x,
        drop,
        number,
        kind,
        f"{number}, {names.TECHNIQUE[one.technique]} ({settings(one.settings)}): {percent(x)} of "
        f"the baseline's {what}, {loss}, {OUTCOME[kind]}",
        error=one.probability_drop_se or 0.0,
        chosen=chosen,
    )


def _bounds(tried: tuple[TriedSetting, ...]) -> list[Bound]:
    """One line for each limit, named after the techniques that it holds for.

    A technique's widest limit: what is tried within less of it says so beside its reason.
    """
    widest: dict[str, float] = {}
    for one in tried:
        if one.limit is not None:
            name = names.TECHNIQUE[one.technique]
            widest[name] = max(one.limit, widest.get(name, one.limit))
    limits: dict[float, list[str]] = {}
    for name, value in widest.items():
        limits.setdefault(value, []).append(name)
    return [Bound(value, f"{', '.join(found)}: {limit(value)}") for value, found in limits.items()]


def _loss(share: float) -> str:
    return point_tick(-share)
