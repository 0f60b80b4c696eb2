import numpy as np
import pytest

from leanstage.contracts import Idle, Ratio, Window
from leanstage.energy import checks, notes
from leanstage.energy.arrivals import AtRate
from leanstage.energy.ratios import energy_ratio
from leanstage.energy.replies import WarmUp


def window(
    *,
    arm: str = "a",
    block: int = 0,
    cpu_seconds: float | None = 1.0,
    joules: float = 2.0,
    others: float | None = None,
    answers: int = 1,
) -> Window:
    return Window(
        arm=arm,
        block=block,
        answers=answers,
        asked=20,
        wall_seconds=1,
        cpu_seconds=cpu_seconds,
        joules=joules,
        others_cpu_seconds=others,
    )


@pytest.mark.parametrize(("answers", "passed"), [(20, True), (19, False), (21, False)])
def test_answers(answers: int, passed: bool) -> None:
    windows = [window(answers=20), window(answers=answers)]
    assert checks.check_answers(windows).passed is passed


@pytest.mark.parametrize(("cpu_seconds", "passed"), [(2.0, True), (2.2, False)])
def test_cpu_time(cpu_seconds: float, passed: bool) -> None:
    windows = [window(), window(cpu_seconds=cpu_seconds)]
    assert checks.check_cpu_time(windows, threads=2).passed is passed


@pytest.mark.parametrize(("joules", "passed"), [(2.0, True), (0.5, False), (9.0, False)])
def test_power(joules: float, passed: bool) -> None:
    windows = [window(), window(joules=joules)]
    assert checks.check_power(windows, (1.0, 4.0)).passed is passed
    assert checks.check_power(windows, (0.5, None)).passed


@pytest.mark.parametrize(("share", "passed"), [(0.01, True), (0.9, False)])
def test_idle(share: float, passed: bool) -> None:
    check = checks.check_idle({"baseline": 0.0, "candidate": share})
    assert check.passed is passed
    assert "candidate" in check.detail


@pytest.mark.parametrize(
    ("ratio", "ci95", "passed"),
    [
        (1.2, (1.0, 1.44), True),
        (1.02, (1.01, 1.03), True),
        # Outside by chance in one sound measurement of twenty.
        (1.1, (1.05, 1.1523), True),
        (1.2, (1.12, 1.2857), False),
        (0.8, (0.75, 0.8533), False),
    ],
)
def test_control(ratio: float, ci95: tuple[float, float], passed: bool) -> None:
    control = Ratio(arm="control", against="candidate", ratio=ratio, ci95=ci95, blocks=10)
    assert checks.check_control(control).passed is passed


def test_a_control_of_two_noisy_blocks_is_open_and_no_overflow() -> None:
    control = Ratio(arm="control", against="candidate", ratio=2, ci95=(4e-7, 1e7), blocks=2)
    assert checks.check_control(control).passed


@pytest.mark.parametrize(("bias", "least", "most"), [(0.0, 0.0, 0.002), (0.5, 0.9, 1.0)])
def test_control_fails_on_a_bias_and_hardly_ever_by_chance(
    bias: float, least: float, most: float
) -> None:
    generator = np.random.default_rng(0)
    trials = 2000
    failed = 0
    for _ in range(trials):
        logs = bias + generator.normal(0, 0.2, size=10)
        joules = {"candidate": np.ones(10), "control": np.exp(logs)}
        windows = [
            Window(arm=a, block=i, answers=1, wall_seconds=1, cpu_seconds=1, joules=value)
            for a, values in joules.items()
            for i, value in enumerate(values)
        ]
        failed += not checks.check_control(energy_ratio(windows, "control", "candidate")).passed
    assert least <= failed / trials <= most


def test_warm_up_is_noted_and_never_fails() -> None:
    check = notes.note_warm_up({"baseline": WarmUp(10, True), "candidate": WarmUp(12, False)})
    assert check.passed
    assert "not within 5% for candidate" in check.detail


def blocks_of(ratios: list[float]) -> list[Window]:
    return [
        window(arm=arm, block=block, joules=joules)
        for block, ratio in enumerate(ratios)
        for arm, joules in (("candidate", ratio), ("baseline", 1.0))
    ]


@pytest.mark.parametrize(
    ("ratios", "passed"),
    [
        ([0.5, 0.51, 0.49, 0.5, 0.5, 0.51, 0.49, 0.5], True),
        # What came in the middle slowed the one more than the other.
        ([0.5, 0.51, 0.49, 0.5, 0.7, 0.71, 0.69, 0.7], False),
        ([0.5, 0.5, 0.5, 0.5, 0.7, 0.7, 0.7, 0.7], False),
        # Too small to matter, however well it is seen.
        ([0.5, 0.501, 0.499, 0.5, 0.515, 0.516, 0.514, 0.515], True),
        # A step that the noise hides is an interval that is wide.
        ([0.3, 0.9, 0.2, 0.8, 0.4, 1.1, 0.3, 1.0], True),
        ([0.5, 0.9], True),
    ],
)
def test_a_ratio_that_moves_in_the_middle_is_no_ratio(ratios: list[float], passed: bool) -> None:
    windows = blocks_of(ratios)
    ratio = energy_ratio(windows, "candidate", "baseline")
    check = checks.check_steady(windows, [ratio, ratio])
    assert check.passed is passed
    assert check.detail.count("in the first half") == 1


def test_steadiness_hardly_ever_fails_by_chance() -> None:
    generator = np.random.default_rng(0)
    failed = 0
    for _ in range(2000):
        windows = blocks_of(np.exp(generator.normal(0, 0.2, size=10)).tolist())
        ratio = energy_ratio(windows, "candidate", "baseline")
        failed += not checks.check_steady(windows, [ratio]).passed
    assert failed <= 8


@pytest.mark.parametrize(
    ("others", "counted", "passed"),
    [
        ([0.02, 0.03, 0.02], True, True),
        ([0.02, 0.02, 0.80], True, False),
        ([0.02, 0.02, 0.80], False, True),
        ([0.02, None, 0.02], True, False),
        ([0.02, None, 0.02], False, True),
    ],
)
def test_who_else_ran_counts_where_the_meter_counts_it(
    others: list[float | None], counted: bool, passed: bool
) -> None:
    windows = [window(block=block, others=share) for block, share in enumerate(others)]
    check = checks.check_others(windows, counted=counted)
    assert check.passed is passed
    if None not in others and not passed:
        assert "at most 80% in a block (block 3); the meter counts them as well" in check.detail


@pytest.mark.parametrize(
    ("candidate", "rest", "passed"),
    [
        (0.4, 0.3, True),
        # The board of the other GPU draws what it draws at rest.
        (0.301, 0.3, False),
        (0.3, 0.3, False),
        # A meter of active energy alone, whose rest is not known.
        (0.1, None, True),
        (0.01, None, False),
    ],
)
def test_work_that_the_meter_does_not_see_is_no_saving(
    candidate: float, rest: float | None, passed: bool
) -> None:
    idle = [Idle(block=0, wall_seconds=1, cpu_seconds=0, joules=rest)] if rest else []
    joules = {"baseline": 1.0, "candidate": candidate, "control": candidate}
    windows = [
        window(arm=arm, block=block, cpu_seconds=None, joules=each)
        for block in range(2)
        for arm, each in joules.items()
    ]
    (check,) = checks.check_seen(windows, idle, "baseline at http://192.0.2.1")
    assert check.passed is passed
    assert ("does the meter read what all models run on?" in check.detail) is not passed
    assert checks.check_cpu_time(windows, threads=2).passed
    assert checks.check_others(windows, counted=False).passed
    # A server's processor time does not say that its GPU is the one that is read.
    here = [one.model_copy(update={"cpu_seconds": 0.4}) for one in windows]
    assert checks.check_seen(here, idle, "baseline at http://127.0.0.1")[0].passed is passed
    assert checks.check_seen(here, idle, None) == [], "the worker's own time says that it worked"


def test_rest_is_noted_or_why_it_is_not_known() -> None:
    idle = [Idle(block=0, wall_seconds=2, cpu_seconds=0, joules=joules) for joules in (3.0, 4.0)]
    assert "1.50 to 2.00 W in 2 windows" in notes.note_idle_power(idle, "").detail
    unknown = notes.note_idle_power([], "Kepler tells of active energy alone.")
    assert "Kepler tells of active energy alone." in unknown.detail
    assert unknown.passed


def test_production_is_said_as_such() -> None:
    def at_rate(achieved: float) -> AtRate:
        return AtRate(10.0, achieved, [1.0, 2.0], 2, 2, None, 0.2, 0.1, 1)

    assert "names no request rate" in notes.note_production({}, None, 8).detail
    assert "take 400 s, more than 30 s" in notes.note_production({}, 0.1, 8).detail
    kept = notes.note_production({"candidate": [at_rate(10.0)]}, 80.0, 8)
    assert kept.detail == "At 80 answers per second every form kept up."
    late = {"candidate": [at_rate(10.0)], "baseline": [at_rate(10.0), at_rate(4.0)]}
    assert "overloaded: baseline" in notes.note_production(late, 80.0, 8).detail
