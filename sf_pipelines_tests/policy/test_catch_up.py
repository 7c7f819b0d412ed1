from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from sf_pipelines.model.slice import Window
from sf_pipelines.policy.catch_up import MOST_DAYS, first_stretch, missed_days

NOW = datetime(2026, 3, 10, 2, tzinfo=UTC)


def days(first: int, last: int) -> Window:
    return Window(start=datetime(2026, 3, first, tzinfo=UTC), end=datetime(2026, 3, last + 1, tzinfo=UTC))


def test_days_between_the_first_and_the_last_due_one_that_nobody_read_are_missed() -> None:
    read = [days(1, 1), days(3, 4), days(8, 8)]
    assert [day.day for day in missed_days(read, due_before=NOW)] == [2, 5, 6, 7, 9]


def test_a_sync_that_never_ran_has_missed_nothing() -> None:
    assert missed_days([], due_before=NOW) == []


def test_a_day_that_was_read_half_is_missed_and_the_running_one_is_not() -> None:
    half = Window(start=days(2, 2).start, end=days(2, 2).start + timedelta(hours=12))
    assert [day.day for day in missed_days([days(1, 1), half], due_before=NOW)] == [*range(2, 10)]


def test_the_first_stretch_ends_at_a_gap_and_after_a_month() -> None:
    day = date(2026, 1, 1)
    year = [day + timedelta(days=number) for number in range(365)]

    assert first_stretch([]) is None
    assert first_stretch([year[4], year[1], year[2]]) == (year[1], year[2])
    assert first_stretch(year) == (year[0], year[MOST_DAYS - 1])
