"""What was tried: cost against loss of every setting, and why each was kept or not."""

from leanstage.contracts import TriedSetting
from leanstage.report import charts, charts_steps, names
from leanstage.report.charts_steps import Point
from leanstage.report.document import Block, Chart, Section, Text
from leanstage.report.figures import count, level, percent, point_tick, points, settings
from leanstage.report.inputs import ReportInputs
from leanstage.report.lineage import tried_settings
from leanstage.report.sections.trials import step_group

_BASELINE = "B"


def tried_section(inputs: ReportInputs) -> Section:
    """Every setting that was tried for the candidate the report is about."""
    record = inputs.record(inputs.subject)
    lineage = record.manifest.lineage if record else ()
    tried = tried_settings(inputs.baseline, record.manifest) if record else ()
    blocks: list[Block] = []
    drawn = [n for n, one in enumerate(tried, 1) if _place(one) is not None]
    if drawn:
        blocks.append(_trade_off(tried))
    if tried and len(drawn) < len(tried):
        missing = ", ".join(count(n) for n in range(1, len(tried) + 1) if n not in drawn)
        blocks.append(
            Text(
                f"Not in the picture, for want of a time or of an evaluation: {missing}.",
                tone="quiet",
                detail=True,
            )
        )
    first = 1
    for step in lineage:
        blocks.append(step_group(step, first))
        first += len(step.trials)
    kept = sum(one.kept for one in tried)
    lead = (
        f"{count(len(tried))} settings were tried, {count(kept)} kept. A technique tries its "
        "settings in the order of the plan, on validation rows only; the gate judges the result "
        "on rows of its own."
        if tried
        else "No setting was tried."
    )
    return Section("tried", "What was tried", lead, tuple(blocks))


def _place(one: TriedSetting) -> tuple[float, float] | None:
    """Cost and loss, where both are known."""
    if one.cost is None or one.probability_drop is None:
        return None
    return one.cost, one.probability_drop


def _trade_off(tried: tuple[TriedSetting, ...]) -> Chart:
    marks = [Point(1.0, 0.0, _BASELINE, "baseline")]
    front = {(1.0, 0.0)}
    words = []
    last = max((n for n, one in enumerate(tried) if one.kept), default=None)
    for index, one in enumerate(tried):
        place = _place(one)
        if place is None:
            continue
        series: charts.Series = "candidate" if one.kept else "reference"
        number = count(index + 1)
        marks.append(Point(*place, number, series, chosen=index == last, fits=one.fits))
        words.append(
            f"{number}, {names.TECHNIQUE[one.technique]} ({settings(one.settings)}): "
            f"{percent(place[0])} of the baseline's processor time, "
            f"{points(-place[1])} points of probability"
        )
        if one.efficient:
            front.add(place)
    cheaper = [place for place in front if place[0] <= 1.0]
    title = "Loss against processor time, every setting"
    return Chart(
        charts_steps.scatter(
            "tried-front", title, f"{'; '.join(words)}.", marks, sorted(cheaper), level, _loss
        ),
        f"{title} that was tried",
        "Across: processor time per answer, share of the baseline's. Down: mean loss in the "
        "probability of the true class, in points, on the validation split. Numbers: as in the "
        f"tables below; {_BASELINE}: the baseline. Ringed: chosen in the end. Hollow: does not "
        "fit. Line: the best loss to be had at each cost (Pareto).",
    )


def _loss(share: float) -> str:
    return point_tick(-share)
