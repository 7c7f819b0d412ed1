from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine

from sf_pipelines.ledger.token_bucket import take
from sf_pipelines_tests.ledger.quotas import HandClock


def test_calls_of_all_takers_are_spread_at_the_pace_in_turn(engine: Engine) -> None:
    clock = HandClock()
    waits = [take(engine, "calls", calls_per_minute=6.0, clock=clock) for _ in range(4)]
    assert waits == [0.0, 10.0, 20.0, 30.0]


def test_a_debt_is_paid_off_by_time_and_nothing_is_saved_up(engine: Engine) -> None:
    clock = HandClock()
    for _ in range(3):
        take(engine, "calls", calls_per_minute=6.0, clock=clock)
    clock.forward(seconds=15)
    assert take(engine, "calls", calls_per_minute=6.0, clock=clock) == pytest.approx(15.0)
    clock.forward(hours=9)
    assert take(engine, "calls", calls_per_minute=6.0, clock=clock) == 0.0
    assert take(engine, "calls", calls_per_minute=6.0, clock=clock) == 10.0


def test_a_clock_that_goes_back_gives_no_token_twice(engine: Engine) -> None:
    clock = HandClock()
    take(engine, "calls", calls_per_minute=6.0, clock=clock)
    clock.forward(minutes=-30)
    assert take(engine, "calls", calls_per_minute=6.0, clock=clock) == 10.0
    clock.forward(minutes=30)
    assert take(engine, "calls", calls_per_minute=6.0, clock=clock) == 20.0


def test_takers_at_once_each_get_a_turn_of_their_own(engine: Engine) -> None:
    clock = HandClock()
    with ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(take, engine, "calls", calls_per_minute=60.0, clock=clock) for _ in range(24)]
        waits = sorted(job.result() for job in jobs)
    assert waits == [float(second) for second in range(24)]


def test_a_pace_that_never_ends_is_refused(engine: Engine) -> None:
    with pytest.raises(ValueError, match="above 0"):
        take(engine, "calls", calls_per_minute=0.0)
