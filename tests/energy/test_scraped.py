import time

import pytest

from leanstage.contracts import MeterInfo
from leanstage.energy.meters import MeterError, ScrapedMeter, Usage
from leanstage.energy.meters.scraped import ScrapedCounter, step_joules, summed
from leanstage.prometheus import Prometheus, Series


@pytest.mark.parametrize("quiet_watts", [0.0, 70.0])
def test_the_step_between_two_lines_is_the_window(quiet_watts: float) -> None:
    """Readings every 5 s, a window of 300 W from 21 to 27 s."""
    points = {
        at: quiet_watts * at + (300 - quiet_watts) * min(6.0, max(0.0, at - 21))
        for at in (float(at) for at in range(0, 50, 5))
    }
    joules = step_joules(points, (5.0, 10.0, 15.0, 20.0), (30.0, 35.0, 40.0), 6.0)
    assert joules == pytest.approx(6 * 300)


def test_series_of_which_one_came_later_are_not_summed() -> None:
    whole = Series({}, {1.0: 10.0, 2.0: 20.0})
    assert summed([whole, whole]) == {1.0: 20.0, 2.0: 40.0}
    with pytest.raises(MeterError, match="came or went"):
        summed([whole, Series({}, {2.0: 1.0})])


class Ticking(Prometheus):
    """A Prometheus whose clock can step, and whose counter moves 20 times a second."""

    def __init__(self) -> None:
        super().__init__("http://nowhere")
        self.ahead_seconds = 0.0

    def now(self) -> float:
        return time.monotonic() + self.ahead_seconds

    def raw(self, selector: str, seconds: float) -> list[Series]:
        ticks = range(int((self.now() - seconds) * 20), int(self.now() * 20))
        return [Series({}, {tick / 20: float(tick) for tick in ticks})]


@pytest.fixture
def ticking() -> tuple[Ticking, ScrapedMeter]:
    server = Ticking()
    info = MeterInfo(name="ticks", tier="attributed", boundary="ticks")
    return server, ScrapedMeter(server, ScrapedCounter("ticks", "ticks", 1.0), info)


def test_a_clock_that_steps_in_a_window_is_no_reading(
    ticking: tuple[Ticking, ScrapedMeter], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, meter = ticking
    meter.begin_window()
    server.ahead_seconds = 3600.0
    with pytest.raises(MeterError, match="the clock of Prometheus went 3600"):
        meter.end_window(Usage(1.0, 1.0))


def test_a_step_of_the_clock_here_does_no_harm(
    ticking: tuple[Ticking, ScrapedMeter], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, meter = ticking
    meter.begin_window()
    started = time.monotonic()
    monkeypatch.setattr("time.time", lambda: 0.0)
    time.sleep(0.5)
    seconds = time.monotonic() - started
    assert meter.end_window(Usage(1.0, 1.0)) == pytest.approx(20 * seconds, rel=0.1)


def test_a_window_that_never_began_has_no_end(ticking: tuple[Ticking, ScrapedMeter]) -> None:
    with pytest.raises(MeterError, match="never began"):
        ticking[1].end_window(Usage(1.0, 1.0))
