from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sf_pipelines.model.outlook import Outlook, Reading
from sf_pipelines.policy.forecast import HORIZON_HOURS, forecast
from sf_pipelines_tests.bench.forecast_backtest import backtest, summary
from sf_pipelines_tests.bench.quota_weeks import SCENARIOS

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)


def readings(hours: int, use_of_hour: dict[int, int]) -> list[Reading]:
    """Hourly readings of a use by hour of day, from an org that was idle before."""
    used = [use_of_hour.get(hour % 24, 0) for hour in range(hours)]
    return [
        Reading(taken_at=MONDAY + timedelta(hours=hour), used=sum(used[max(0, hour - 24) : hour]))
        for hour in range(hours + 1)
    ]


def hours(outlook: Outlook, start: int, end: int) -> float:
    return outlook.change(outlook.made_at + timedelta(hours=start), outlook.made_at + timedelta(hours=end))


def test_without_a_reading_there_is_no_forecast() -> None:
    assert forecast([], MONDAY) is None
    assert forecast([Reading(taken_at=MONDAY + timedelta(hours=1), used=5)], MONDAY) is None


def test_one_reading_makes_a_flat_forecast_whose_error_grows() -> None:
    outlook = forecast([Reading(taken_at=MONDAY, used=2_400)], MONDAY)

    assert outlook is not None
    assert outlook.expected == (0.0,) * HORIZON_HOURS
    assert outlook.error[:3] == (50.0, 100.0, 150.0)


def test_what_was_used_a_day_before_is_expected_to_roll_off_at_its_hour() -> None:
    # busy at hour 5 of three days; on the fourth, at 3 o'clock, nothing came for two days
    past = readings(3 * 24, {5: 1_000})
    idle = [Reading(taken_at=MONDAY + timedelta(hours=72 + hour), used=1_000) for hour in range(1, 4)]

    outlook = forecast([*past, *idle], MONDAY + timedelta(hours=75))

    assert outlook is not None
    # the old thousand leaves between 5 and 6, and by habit a new one comes in the same hour
    assert abs(hours(outlook, 0, 2)) < 50
    assert abs(hours(outlook, 2, 3)) < 100


def test_a_habit_by_hour_of_day_is_learned() -> None:
    outlook = forecast(readings(10 * 24, {9: 600, 10: 600}), MONDAY + timedelta(days=10))

    assert outlook is not None
    assert outlook.expected[23] == pytest.approx(0.0, abs=60)
    assert max(outlook.error) < 120


def test_readings_in_any_order_and_negative_figures_do_no_harm() -> None:
    past = readings(48, {9: 600})
    strange = [*reversed(past), Reading(taken_at=MONDAY + timedelta(hours=30, minutes=5), used=-40)]

    outlook = forecast(strange, MONDAY + timedelta(hours=48))

    assert outlook is not None
    assert all(error >= 0 for error in outlook.error)


@pytest.mark.parametrize("scenario", ["bursty", "weekend", "runaway neighbour"])
def test_on_simulated_weeks_it_errs_less_than_what_is_left_now_and_its_band_holds(scenario: str) -> None:
    cases = list(backtest(scenario, every_hours=6))
    for ahead in (4, 12, 24):
        figures = summary(cases, ahead)
        assert figures["forecast"] < figures["unchanged"]
        assert figures["band_holds"] >= 85.0


def test_every_scenario_of_the_back_test_has_a_case_of_every_horizon() -> None:
    for scenario in SCENARIOS:
        assert {case.hours for case in backtest(scenario, every_hours=200)} == {1, 4, 12, 24}


def test_a_curve_is_read_between_its_points_and_stands_after_its_end() -> None:
    outlook = Outlook(made_at=MONDAY, expected=(-10.0, 30.0), error=(4.0, 8.0), coverage=0.9)
    start = MONDAY - timedelta(hours=1)

    assert outlook.change(start, MONDAY + timedelta(minutes=30)) == -5.0
    assert outlook.change(MONDAY + timedelta(hours=1), MONDAY + timedelta(hours=9)) == 40.0
    assert outlook.shortfall(MONDAY, MONDAY + timedelta(minutes=90)) == 6.0
    assert outlook.moments(MONDAY, MONDAY + timedelta(minutes=90)) == [
        MONDAY, MONDAY + timedelta(hours=1), MONDAY + timedelta(minutes=90)
    ]  # fmt: skip
