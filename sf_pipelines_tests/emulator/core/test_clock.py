from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from sf_pipelines.emulator.clock import Clock

START = datetime(2026, 3, 18, 10, 30, 15, 123456, tzinfo=UTC)


def test_a_frozen_clock_stands_still_at_whole_milliseconds() -> None:
    clock = Clock(START, frozen=True)
    assert clock.now() == clock.now() == START.replace(microsecond=123000)


def test_a_clock_can_be_advanced_and_set_in_any_zone() -> None:
    clock = Clock(START, frozen=True)
    clock.advance(60)
    assert clock.now() - START.replace(microsecond=123000) == timedelta(seconds=60)
    clock.set(datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))))
    assert clock.now() == datetime(2026, 1, 1, tzinfo=UTC)


def test_a_running_clock_never_goes_back() -> None:
    clock = Clock(START)
    readings = [clock.now() for _ in range(100)]
    assert readings == sorted(readings)
    assert readings[0] >= START.replace(microsecond=123000)


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        Clock(datetime(2026, 1, 1))  # noqa: DTZ001
