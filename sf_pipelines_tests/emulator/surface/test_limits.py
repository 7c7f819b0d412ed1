from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.limits import DAILY_QUERY_STORAGE, LimitBook

START = datetime(2026, 2, 1, 10, tzinfo=UTC)
DAY_MINUTES = 24 * 60


def test_use_falls_out_of_the_window_minute_by_minute() -> None:
    clock = Clock(START, frozen=True)
    book = LimitBook(clock)
    book.try_spend("DailyApiRequests", 5)
    clock.advance(60)
    book.try_spend("DailyApiRequests", 2)

    clock.advance((DAY_MINUTES - 1) * 60)
    assert book.used("DailyApiRequests") == 2
    clock.advance(60)
    assert book.used("DailyApiRequests") == 0


def test_nothing_is_counted_when_it_does_not_fit() -> None:
    book = LimitBook(Clock(START, frozen=True), {"DailyApiRequests": 3})

    assert book.try_spend("DailyApiRequests", 2)
    assert not book.try_spend("DailyApiRequests", 2)
    assert book.used("DailyApiRequests") == 2


def test_an_hourly_limit_forgets_after_an_hour() -> None:
    clock = Clock(START, frozen=True)
    book = LimitBook(clock)
    book.try_spend("HourlyPublishedPlatformEvents", 5)
    clock.advance(60 * 60)

    assert book.used("HourlyPublishedPlatformEvents") == 0


def test_stored_bytes_are_told_in_megabytes_rounded_up() -> None:
    book = LimitBook(Clock(START, frozen=True))
    book.try_spend(DAILY_QUERY_STORAGE, 1)

    assert book.used(DAILY_QUERY_STORAGE) == 1


@settings(derandomize=True, database=None)
@given(st.lists(st.tuples(st.integers(0, 3 * DAY_MINUTES), st.integers(1, 9)), max_size=60))
def test_the_window_agrees_with_a_plain_sum(calls: list[tuple[int, int]]) -> None:
    clock = Clock(START, frozen=True)
    book = LimitBook(clock)
    minute = 0
    for at, amount in sorted(calls):
        clock.advance((at - minute) * 60)
        minute = at
        book.try_spend("DailyApiRequests", amount)

    inside = sum(amount for at, amount in calls if at > minute - DAY_MINUTES)
    assert book.used("DailyApiRequests") == inside
