import pytest

from leanstage.energy.meters import MeterError
from leanstage.energy.meters.readings import news, step_joules, summed
from leanstage.prometheus import Series


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


def test_a_scrape_that_found_nothing_new_is_no_reading() -> None:
    scraped = {1.0: 10.0, 2.0: 10.0, 3.0: 12.0, 4.0: 12.0, 5.0: 15.0}
    assert news(scraped) == {3.0: 12.0, 5.0: 15.0}
