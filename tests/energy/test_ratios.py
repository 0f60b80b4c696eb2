import math

import pytest

from leanstage.contracts import SavingVerdict, Window
from leanstage.energy.ratios import cheapest, energy_ratio, saving_verdict


def windows(arm: str, joules: list[float], answers: int = 10) -> list[Window]:
    return [
        Window(arm=arm, block=i, answers=answers, wall_seconds=1, cpu_seconds=1, joules=value)
        for i, value in enumerate(joules)
    ]


def test_ratio_and_interval_by_hand() -> None:
    """Log-ratios ln 0.5, ln 0.25, ln 0.5 per block; t(0.975, 2) = 4.302653."""
    measured = windows("candidate", [10.0, 10.0, 40.0], answers=20) + windows(
        "baseline", [10.0, 20.0, 40.0]
    )
    result = energy_ratio(measured, "candidate", "baseline")
    mean = -4 / 3 * math.log(2)
    half_width = 4.302653 * (math.log(2) / math.sqrt(3)) / math.sqrt(3)
    assert result.ratio == pytest.approx(2 ** (-4 / 3))
    assert result.ci95 == pytest.approx((math.exp(mean - half_width), math.exp(mean + half_width)))
    assert result.blocks == 3


def test_drift_that_falls_on_whole_blocks_cancels() -> None:
    measured = windows("candidate", [1.0, 3.0, 9.0]) + windows("baseline", [2.0, 6.0, 18.0])
    assert energy_ratio(measured, "candidate", "baseline").ci95 == pytest.approx((0.5, 0.5))


@pytest.mark.parametrize("joules", [[1.0], [1.0, 2.0, 3.0]])
def test_blocks_must_pair(joules: list[float]) -> None:
    measured = windows("candidate", [1.0, 2.0]) + windows("baseline", joules)
    with pytest.raises(ValueError, match="same blocks"):
        energy_ratio(measured, "candidate", "baseline")


def test_one_block_makes_no_interval() -> None:
    measured = windows("candidate", [1.0]) + windows("baseline", [2.0])
    with pytest.raises(ValueError, match="two blocks"):
        energy_ratio(measured, "candidate", "baseline")


def test_cheapest() -> None:
    assert cheapest({"baseline": 2.0, "baseline-onnxruntime-fp32": 1.5}).endswith("fp32")


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [
        ((0.70, 0.79), "PASS"),
        ((0.70, 0.80), "PASS"),
        ((0.75, 0.81), "INCONCLUSIVE"),
        ((0.80, 0.90), "INCONCLUSIVE"),
        ((0.81, 0.90), "FAIL"),
    ],
)
def test_saving_verdict(interval: tuple[float, float], verdict: SavingVerdict) -> None:
    lower, upper = interval
    assert saving_verdict(upper, lower, 1 - 0.80) == verdict


@pytest.mark.parametrize(
    ("upper", "lower", "saving"),
    [(math.nan, 0.5, 0.2), (0.5, math.nan, 0.2), (0.4, 0.5, 0.2), (0.5, 0.0, 0.2), (0.5, 0.4, 1)],
)
def test_saving_verdict_refuses_what_is_no_interval(
    upper: float, lower: float, saving: float
) -> None:
    with pytest.raises(ValueError, match="is no"):
        saving_verdict(upper, lower, saving)
