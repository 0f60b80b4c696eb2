import numpy as np
import pytest

from leanstage.contracts import Ratio, Window
from leanstage.energy import checks
from leanstage.energy.meters import PowerRange
from leanstage.energy.ratios import energy_ratio
from leanstage.energy.resident import Run, WarmUp


def window(*, cpu_seconds: float = 1.0, joules: float = 2.0) -> Window:
    return Window(
        arm="a", block=0, answers=1, wall_seconds=1, cpu_seconds=cpu_seconds, joules=joules
    )


def run(answers: int) -> Run:
    return Run(answers, planned=20, wall_seconds=1, cpu_seconds=1, peak_rss_bytes=1)


@pytest.mark.parametrize(("answers", "passed"), [(20, True), (19, False), (21, False)])
def test_answers(answers: int, passed: bool) -> None:
    assert checks.check_answers([run(20), run(answers)]).passed is passed


@pytest.mark.parametrize(("cpu_seconds", "passed"), [(2.0, True), (2.2, False)])
def test_cpu_time(cpu_seconds: float, passed: bool) -> None:
    windows = [window(), window(cpu_seconds=cpu_seconds)]
    assert checks.check_cpu_time(windows, threads=2).passed is passed


@pytest.mark.parametrize(("joules", "passed"), [(2.0, True), (0.5, False), (9.0, False)])
def test_power(joules: float, passed: bool) -> None:
    windows = [window(), window(joules=joules)]
    assert checks.check_power(windows, PowerRange(1.0, 4.0)).passed is passed


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
    check = checks.note_warm_up({"baseline": WarmUp(10, True), "candidate": WarmUp(12, False)})
    assert check.passed
    assert "not within 5% for candidate" in check.detail
