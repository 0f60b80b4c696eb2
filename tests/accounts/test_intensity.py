"""Energy per answer by year: who served when, and when two years compare."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from leanstage.accounts.intensity import Served, yearly_intensity

CONDITIONS = {"meter": "rapl", "boundary": "packages", "data": "a"}


def served(start: str, end: str, joules: float, **changes: object) -> Served:
    begins, ends = (datetime.fromisoformat(day).replace(tzinfo=UTC) for day in (start, end))
    first = Served("reviews", begins, ends, joules, (1.0, 1.0), "measured", CONDITIONS, "run-1")
    return replace(first, **changes)  # type: ignore[arg-type]


def test_champions_count_by_the_days_that_they_served() -> None:
    first, second = yearly_intensity(
        [
            served("2024-07-01", "2025-04-01", 2.0),
            served("2025-04-01", "2026-01-01", 1.0, decision="run-2"),
        ]
    )
    assert (first.year, first.days, first.joules_per_answer) == (2024, 184, (2.0, 2.0))
    assert first.change is None
    assert "no year before" in first.basis
    mean = (90 * 2.0 + 275 * 1.0) / 365
    assert (second.year, second.days) == (2025, 365)
    assert second.joules_per_answer == pytest.approx((mean, mean))
    assert second.change == pytest.approx(mean / 2.0 - 1)
    assert second.decisions == ("run-1", "run-2")


def test_the_meters_scale_widens_the_figure_and_not_the_change() -> None:
    _, second = yearly_intensity(
        [
            served("2024-01-01", "2025-01-01", 2.0, scale=(0.7, 2.0), tier="estimated"),
            served("2025-01-01", "2026-01-01", 1.0, scale=(0.7, 2.0), tier="estimated"),
        ]
    )
    assert second.joules_per_answer == pytest.approx((0.7, 2.0))
    assert second.change == pytest.approx(-0.5)


@pytest.mark.parametrize(
    ("conditions", "named"),
    [
        (CONDITIONS | {"meter": "cpu-time", "data": "b"}, "meter, data differ"),
        (None, "not on record"),
    ],
)
def test_unequal_conditions_are_no_change(conditions: object, named: str) -> None:
    _, second = yearly_intensity(
        [
            served("2024-01-01", "2025-01-01", 2.0),
            served("2025-01-01", "2026-01-01", 1.0, conditions=conditions),
        ]
    )
    assert second.change is None
    assert named in second.basis


def test_a_year_without_a_champion_is_no_year_before() -> None:
    found = yearly_intensity(
        [
            served("2023-01-01", "2024-01-01", 2.0),
            served("2025-01-01", "2026-01-01", 1.0),
            served("2025-01-01", "2026-01-01", 3.0, model="another"),
        ]
    )
    assert [(each.model, each.year) for each in found] == [
        ("another", 2025),
        ("reviews", 2023),
        ("reviews", 2025),
    ]
    assert all(each.change is None for each in found)
