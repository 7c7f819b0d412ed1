from __future__ import annotations

from itertools import islice

import pytest

from sf_pipelines.policy.poll_schedule import PollSchedule

SCHEDULES = [
    pytest.param(20.0, [1.0, 1.5, 2.25, 3.375], id="a short job is asked for after a twentieth of its time"),
    pytest.param(0.0, [0.5, 0.75, 1.125, 1.6875], id="never more often than twice a second"),
    pytest.param(10_000.0, [60.0, 60.0, 60.0, 60.0], id="at least once a minute, since it may have failed"),
]


@pytest.mark.parametrize(("expected_seconds", "waits"), SCHEDULES)
def test_pauses_start_at_a_twentieth_and_grow(expected_seconds: float, waits: list[float]) -> None:
    assert list(islice(PollSchedule().waits(expected_seconds), 4)) == pytest.approx(waits)


@pytest.mark.parametrize(("expected_seconds", "polls"), [(0.1, 1), (20.0, 6), (200.0, 7), (3600.0, 60)])
def test_the_polls_of_a_job_are_counted_by_the_same_pauses(expected_seconds: float, polls: int) -> None:
    schedule = PollSchedule()
    waits = list(islice(schedule.waits(expected_seconds), polls))
    assert schedule.polls_within(expected_seconds) == polls
    assert sum(waits) >= expected_seconds > sum(waits[:-1])
