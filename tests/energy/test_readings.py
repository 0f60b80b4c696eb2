import numpy as np
import pytest

from leanstage.energy.meters import MeterError
from leanstage.energy.meters.readings import (
    evened,
    news,
    pace_seconds,
    since_reset,
    step,
    summed,
)
from leanstage.prometheus import Series

QUIET_WATTS = 70.0
BEFORE, AFTER = (5.0, 10.0, 15.0, 20.0), (30.0, 35.0, 40.0)


def drawn(at: float, quiet_watts: float = QUIET_WATTS) -> float:
    """Joules up to ``at``, with 300 W from 21 to 27 s."""
    return quiet_watts * at + (300 - quiet_watts) * min(6.0, max(0.0, at - 21))


@pytest.mark.parametrize("quiet_watts", [0.0, QUIET_WATTS])
def test_the_step_between_two_lines_is_the_window(quiet_watts: float) -> None:
    sides = ([(at, drawn(at, quiet_watts)) for at in side] for side in (BEFORE, AFTER))
    found = step(*sides, 6.0)
    assert found.joules == pytest.approx(6 * 300)
    assert found.error_joules == pytest.approx(0, abs=1e-6)


def test_readings_of_uncertain_age_leave_the_window_open_by_so_much() -> None:
    """The error stated is that of many windows whose readings are up to 2 s old."""
    generator = np.random.default_rng(7)
    off, stated = [], []
    for _ in range(400):
        sides = (
            [(at, drawn(at - generator.uniform(0, 2))) for at in side] for side in (BEFORE, AFTER)
        )
        found = step(*sides, 6.0)
        off.append(found.joules - 6 * 300)
        stated.append(found.error_joules)
    assert np.sqrt(np.mean(np.square(stated))) == pytest.approx(np.std(off), rel=0.15)
    assert abs(np.mean(off)) < 0.02 * 6 * 300


def test_series_of_which_one_came_later_are_not_summed() -> None:
    whole = Series({}, {1.0: 10.0, 2.0: 20.0})
    assert summed([whole, whole]) == {1.0: 20.0, 2.0: 40.0}
    with pytest.raises(MeterError, match="came or went"):
        summed([whole, Series({}, {2.0: 1.0})])


def test_a_scrape_that_found_nothing_new_is_no_reading() -> None:
    scraped = {1.0: 10.0, 2.0: 10.0, 3.0: 12.0, 4.0: 12.0, 5.0: 15.0}
    assert news(scraped) == {3.0: 12.0, 5.0: 15.0}


def test_refreshes_are_even_where_scrapes_see_them_unevenly() -> None:
    """Every 15 s, scraped every 7 s, with a gap in which two went by unseen."""
    refreshes = [float(at) for at in range(4, 600, 15) if at not in (304, 319)]
    seen = [float(np.ceil(at / 7) * 7) for at in refreshes]
    assert pace_seconds(seen) == pytest.approx(15, abs=0.3)
    found = evened(seen)
    assert list(found) == seen
    late = np.array(list(found.values())) - refreshes
    assert np.ptp(late) < 1.0
    steady = [float(at) for at in range(0, 100, 5)]
    assert list(evened(steady).values()) == pytest.approx(steady)


def test_what_came_before_a_counter_went_back_is_left_out() -> None:
    assert since_reset({1.0: 5.0, 2.0: 6.0}) == {1.0: 5.0, 2.0: 6.0}
    assert since_reset({1.0: 5.0, 2.0: 0.0, 3.0: 1.0, 4.0: 0.5}) == {4.0: 0.5}
