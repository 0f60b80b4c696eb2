import time

import pytest

from leanstage.contracts import MeterInfo
from leanstage.energy.meters import MeterError, ScrapedMeter, Usage
from leanstage.energy.meters.scraped import ScrapedCounter
from leanstage.prometheus import Prometheus, Series


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
